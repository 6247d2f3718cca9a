"""Each format's writer and runner, and what is said where its packages are missing."""

import sys
import types

import numpy as np
import onnx
import pytest
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.export import exporter, formats, serving, tracker_onnx
from tests.dimn_tf.export import made_up
from tests.dimn_tf.export.made_up import HEIGHT, WIDTH


@pytest.fixture(scope="module")
def method():
    return made_up.method("halves", tiny=True)


@pytest.fixture(scope="module")
def module(method):
    return serving.ServingModule(method, HEIGHT, WIDTH)


BOTH = ("gallery_classifiers", "probe_features")


def test_each_format_is_checked_against_what_it_gives():
    assert formats.CHECKED == {
        "saved_model": BOTH,
        "onnx": BOTH,
        "litert": BOTH,
        "tracker_onnx": ("unit_features",),
    }
    assert formats.CHECKED.keys() == formats.FORMATS.keys() == formats.RUNNERS.keys()


@pytest.mark.parametrize("name", formats.FORMATS)
def test_what_is_written_gives_what_it_is_checked_against(
    method, module, tmp_path, name
):
    images, files = exporter.made_up_images(3, HEIGHT, WIDTH, seed=2)
    formats.FORMATS[name](module, tmp_path)
    found = formats.RUNNERS[name](tmp_path, images, files)
    features = method.embed(images)
    expected = {
        "probe_features": method.probe_representation(features).numpy(),
        "gallery_classifiers": method.gallery_representation(features).numpy(),
        "unit_features": features / np.linalg.norm(features, axis=1, keepdims=True),
    }
    assert set(found) == set(formats.CHECKED[name])
    for key in found:
        values = expected[key]
        limit = 1e-4 * np.abs(values).max()
        np.testing.assert_allclose(found[key], values, rtol=0, atol=limit)
    written = sorted(path.name for path in tmp_path.iterdir())
    if name == "saved_model":
        loaded = tf.saved_model.load(str(tmp_path)).signatures
        default = loaded["serving_default"](image_bytes=tf.constant(files))
        limit = 1e-4 * np.abs(expected["probe_features"]).max()
        np.testing.assert_allclose(
            default["probe_features"], expected["probe_features"], rtol=0, atol=limit
        )
    else:
        files = {
            "onnx": ["model.onnx"],
            "litert": ["model.tflite"],
            "tracker_onnx": [
                "network_method.onnx",
                "network_method.onnx.metadata.json",
            ],
        }
        assert written == files[name]  # Nothing made on the way is left.
    if name == "onnx":
        (opset,) = {
            x.version
            for x in onnx.load(tmp_path / "model.onnx").opset_import
            if not x.domain
        }
        assert opset == 17


@pytest.mark.parametrize(
    ("call", "missing", "name", "extra"),
    [
        (formats.onnx, "tf2onnx", "onnx", "onnx"),
        (tracker_onnx.write, "tf2onnx", "tracker_onnx", "onnx"),
        (lambda _, x: formats.run_onnx(x, None, None), "onnxruntime", "onnx", "onnx"),
        (
            lambda _, x: formats.run_litert(x, None, None),
            "ai_edge_litert",
            "litert",
            "litert",
        ),
    ],
)
def test_a_missing_package_is_named_with_what_installs_it(
    module, tmp_path, monkeypatch, call, missing, name, extra
):
    for package in [x for x in sys.modules if x.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, package)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(errors.UserError) as caught:
        call(module, tmp_path)
    said = f"--formats={name} needs the package {missing}, which is not"
    assert said in str(caught.value)
    assert f"pip install -e '.[{extra}]'" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_onnx_is_run_as_every_machine_runs_it(tmp_path, monkeypatch):
    """By the processor, where a GPU is there too."""

    class Session:
        def __init__(self, path, providers=None):
            assert path == str(tmp_path / "model.onnx")
            assert providers == ["CPUExecutionProvider"]

        def run(self, names, given):
            return [(name, given["images"]) for name in names]

    made_up_package = types.SimpleNamespace(InferenceSession=Session)
    monkeypatch.setitem(sys.modules, "onnxruntime", made_up_package)
    assert formats.run_onnx(tmp_path, "pixels", None) == {
        name: (name, "pixels") for name in formats.OUTPUTS
    }
