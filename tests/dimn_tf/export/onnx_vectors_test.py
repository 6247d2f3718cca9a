"""ONNX Runtime in TensorFlow's place: same vectors, same faults."""

import importlib.util
import shutil

import numpy as np
import pytest
import tensorflow as tf

from data_builders import dummy_images
from dimn_tf import errors
from dimn_tf.export import exporter, layout, onnx_vectors, served_model
from tests.dimn_tf.export.made_up import HEIGHT, WIDTH


@pytest.fixture(scope="module", params=["dimn", "halves"])
def both(request, dimn_export, halves_export):
    """An export in TensorFlow and in ONNX Runtime."""
    exported = {"dimn": dimn_export, "halves": halves_export}[request.param]
    return exported.model, served_model.ServedModel(exported.folder, "onnx")


def test_the_vectors_are_tensorflows(both):
    tensorflow, onnx = both
    files = exporter.made_up_images(5, HEIGHT, WIDTH, seed=2)[1]
    files += [
        dummy_images.encoded(f"{i}.{kind}", height=20 + 70 * i, width=30)
        for i in range(3)
        for kind in ("jpg", "png")
    ]
    good = onnx.probe_features(files)
    assert good.faults == ("",) * len(files)
    np.testing.assert_allclose(
        good.vectors, tensorflow.probe_features(files).vectors, rtol=1e-4, atol=1e-6
    )
    files[3:3] = [b"", b"bad", b"\x89PNG\r\n\x1a\n" + bytes(40)]
    for call in ("probe_features", "gallery_classifiers"):
        found, wanted = getattr(onnx, call)(files), getattr(tensorflow, call)(files)
        assert found.faults == wanted.faults and sum(map(bool, found.faults)) == 3
        assert found.vectors.dtype == wanted.vectors.dtype == np.float32
        good = [not fault for fault in found.faults]
        limit = 1e-5 * np.abs(wanted.vectors[good]).max()
        np.testing.assert_allclose(
            found.vectors, wanted.vectors, rtol=0, atol=limit, equal_nan=True
        )
        assert np.isfinite(found.vectors[good]).all()
        assert getattr(onnx, call)([]).vectors.shape == (0, tensorflow.dimension)
        assert getattr(onnx, call)([b"bad"]).faults != ("",)


def test_what_a_request_cannot_take_goes_in_further_ones(halves_export, monkeypatch):
    from dimn_tf.export import decoding

    files = exporter.made_up_images(5, HEIGHT, WIDTH)[1]
    wanted = halves_export.model.probe_features(files).vectors
    monkeypatch.setattr(decoding, "LARGEST_REQUEST_PIXELS", 2 * HEIGHT * WIDTH)
    onnx = served_model.ServedModel(halves_export.folder, "onnx")
    runs, call = [], onnx._onnx

    def counted(output, files):
        runs.append(len(files))
        return call(output, files)

    onnx._onnx = counted
    found = onnx.probe_features(files)
    assert runs == [5, 3, 1] and found.faults == ("",) * 5
    np.testing.assert_allclose(found.vectors, wanted, rtol=1e-4, atol=1e-6)


def test_tensorflow_explains_where_onnx_runtime_embeds(dimn_export):
    model = served_model.ServedModel(dimn_export.folder, "onnx")
    assert "_loaded" not in vars(model)
    probe, *gallery = exporter.made_up_images(3, HEIGHT, WIDTH)[1]
    found, wanted = (m.explain(probe, gallery) for m in (model, dimn_export.model))
    np.testing.assert_array_equal(found.scores, wanted.scores)


def test_the_runtime_is_what_is_asked_for_or_what_is_there(
    dimn_export, small_export, monkeypatch
):
    assert onnx_vectors.chosen(dimn_export.folder) == "onnx"
    assert onnx_vectors.chosen(dimn_export.folder, "saved_model") == "saved_model"
    assert onnx_vectors.chosen(small_export.folder) == "saved_model"
    with pytest.raises(errors.UserError, match=r"holds no model\.onnx\. Export .*onnx"):
        served_model.ServedModel(small_export.folder, "onnx")
    with pytest.raises(errors.UserError, match="--runtime=torch: expected one of sav"):
        onnx_vectors.chosen(dimn_export.folder, "torch")
    assert served_model.ServedModel(small_export.folder, "").runtime == "saved_model"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert onnx_vectors.chosen(dimn_export.folder) == "saved_model"
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(errors.UserError, match="--runtime=onnx needs .*onnxruntime"):
        served_model.ServedModel(dimn_export.folder, "onnx")


def test_a_file_that_is_not_whole_is_named(dimn_export, tmp_path):
    folder = shutil.copytree(dimn_export.folder, tmp_path / "1")
    path = folder / layout.ONNX_FILE
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(errors.UserError, match=r"model\.onnx: ONNX Runtime cannot"):
        served_model.ServedModel(folder, "onnx")


def test_a_gpu_is_not_left_idle_unasked(dimn_export, monkeypatch):
    folder = dimn_export.folder
    assert onnx_vectors.chosen(folder) == "onnx"
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert onnx_vectors.chosen(folder) == "saved_model"
    assert onnx_vectors.chosen(folder, "onnx") == "onnx"
