"""What launchers set of TensorFlow before a model is there."""

import os
import types

import tensorflow as tf

from experiments import devices, model_flags


def test_float32_is_float32():
    """By TensorFlow's default a GPU would round the factors of products to TF32."""
    tf.config.experimental.enable_tensor_float_32_execution(True)
    devices.prepare()
    assert not tf.config.experimental.tensor_float_32_execution_enabled()


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
