"""Each format's writer and runner, and what is said where its packages are missing."""

import sys
import types

import numpy as np
import onnx
import pytest
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.export import exporter, formats, serving
from tests.dimn_tf.export import made_up
from tests.dimn_tf.export.made_up import HEIGHT, WIDTH


@pytest.fixture(scope="module")
def method():
    return made_up.method("halves", tiny=True)


@pytest.fixture(scope="module")
def module(method):
    return serving.ServingModule(method, HEIGHT, WIDTH)


@pytest.mark.parametrize("name", formats.FORMATS)
def test_what_is_written_gives_both_representations(method, module, tmp_path, name):
    images, files = exporter.made_up_images(3, HEIGHT, WIDTH, seed=2)
    formats.FORMATS[name](module, tmp_path)
    found = formats.RUNNERS[name](tmp_path, images, files)
    features = method.embed(images)
    expected = {
        "probe_features": method.probe_representation(features).numpy(),
        "gallery_classifiers": method.gallery_representation(features).numpy(),
    }
    assert set(found) == set(expected) == set(formats.OUTPUTS)
    for key, values in expected.items():
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
        file = {"onnx": "model.onnx", "litert": "model.tflite"}[name]
        assert written == [file]  # Nothing made on the way is left.
    if name == "onnx":
        (opset,) = {
            x.version for x in onnx.load(tmp_path / file).opset_import if not x.domain
        }
        assert opset == 17


@pytest.mark.parametrize(
    ("call", "missing", "extra"),
    [
        (lambda module, folder: formats.onnx(module, folder), "tf2onnx", "onnx"),
        (lambda _, x: formats.run_onnx(x, None, None), "onnxruntime", "onnx"),
        (lambda _, x: formats.run_litert(x, None, None), "ai_edge_litert", "litert"),
    ],
)
def test_a_missing_package_is_named_with_what_installs_it(
    module, tmp_path, monkeypatch, call, missing, extra
):
    for name in [x for x in sys.modules if x.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(errors.UserError) as caught:
        call(module, tmp_path)
    assert f"{extra} needs the package {missing}, which is not" in str(caught.value)
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
