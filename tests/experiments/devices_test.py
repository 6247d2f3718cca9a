"""What launchers set of TensorFlow before a model is there."""

import os
import types

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf.data import records
from experiments import calibrate, devices, model_flags


def test_memory_of_every_gpu_grows_on_demand(monkeypatch):
    grown, name = [], "TF_FORCE_GPU_ALLOW_GROWTH"
    monkeypatch.setenv(name, "")  # Put back afterwards.
    monkeypatch.delenv(name)
    monkeypatch.setattr(
        tf.config, "list_physical_devices", lambda kind: [f"{kind}:0", f"{kind}:1"]
    )
    monkeypatch.setattr(
        tf.config.experimental,
        "set_memory_growth",
        lambda device, enable: grown.append((device, enable)),
    )
    devices.prepare()
    assert grown == [("GPU:0", True), ("GPU:1", True)]
    assert os.environ[name] == "true"  # Of the processes that it starts.
    monkeypatch.setenv(name, "false")
    devices.prepare()
    assert os.environ[name] == "false"  # Somebody's own wish.


def test_whoever_searches_enrols_or_serves_prepares_the_devices_first(monkeypatch):
    """Search, enrol, evaluate_gallery and serve load their model by `model_flags`."""
    done = []
    monkeypatch.setattr(devices, "prepare", lambda: done.append("prepared"))
    monkeypatch.setattr(
        model_flags.served_model, "ServedModel", lambda *given: done.append(given)
    )
    chosen = types.SimpleNamespace(model="exports/small", runtime=None)
    monkeypatch.setattr(model_flags, "FLAGS", chosen)
    model_flags.load()
    assert done == ["prepared", ("exports/small", "")]


def test_thresholds_are_of_whole_float32(monkeypatch):
    class Seen(Exception):
        pass

    def encode(*_):
        raise Seen(tf.config.experimental.tensor_float_32_execution_enabled())

    monkeypatch.setattr(calibrate.evaluator, "encode_images", encode)
    opened = records.in_memory("viper", [b""] * 4, [1, 1, 2, 2], [1, 2, 1, 2])
    size = types.SimpleNamespace(image_height=32, image_width=32)
    recipe = types.SimpleNamespace(data=size)
    with pytest.raises(Seen) as seen:
        calibrate._pairs(None, recipe, opened, np.array([1, 2]))
    assert seen.value.args == (False,)
    assert tf.config.experimental.tensor_float_32_execution_enabled()
