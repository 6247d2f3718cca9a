"""README's Python runs as it stands."""

import contextlib
import importlib
import io
import pathlib
import re
import shutil
import textwrap
import types

import numpy as np
import pytest
import tensorflow as tf

from data_builders import dummy_images
from dimn_tf.export import serving, tracker_onnx
from tests.dimn_tf.export import made_up

_README = pathlib.Path(__file__).parents[1] / "README.md"
_BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def _run(part):
    """What the one block that has a part leaves behind."""
    blocks = [text for _, text in _BLOCK.findall(_README.read_text(encoding="utf-8"))]
    (block,) = [text for text in blocks if part in text]
    names = {}
    exec(compile(textwrap.dedent(block), "README.md", "exec"), names)
    return names


def test_the_python_block_runs(dimn_export, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(dimn_export.folder, "exports/small/1")
    names = ["a.jpg", "b.jpg", "door/1.jpg", "door/2.jpg"]
    dummy_images.write(tmp_path, names, height=80, width=40)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        _run("dimn_tf.load")
    shape, comparison, *hits = out.getvalue().splitlines()
    assert shape == "(3, 6) {2: 'No such file or directory'}"
    assert comparison.startswith("Comparison(likeness=")
    assert {hit.split()[0] for hit in hits} == {"anna", "bo"}


def test_the_python_block_enrols_the_others_where_a_photo_is_missing(
    dimn_export, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(dimn_export.folder, "exports/small/1")
    dummy_images.write(tmp_path, ["a.jpg", "b.jpg", "door/2.jpg"], height=80, width=40)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        _run("dimn_tf.load")
    assert [hit.split()[0] for hit in out.getvalue().splitlines()[2:]] == ["bo"]


def test_the_table_of_signatures_names_what_they_take_and_give(dimn_export):
    loaded = tf.saved_model.load(str(dimn_export.folder)).signatures
    text = _README.read_text(encoding="utf-8")
    table = text[text.index("| signature | takes | gives |") :].split("\n\n")[0]
    rows = [re.findall(r"`([a-z_]+)`", line) for line in table.splitlines()[2:]]
    found = {
        name: [
            *signature.structured_input_signature[1],
            *signature.structured_outputs,
        ]
        for name, signature in loaded.items()
        if name != "serving_default"
    }
    told = {row[0]: [x for x in row[1:] if not x.startswith("dimn_tf")] for row in rows}
    assert {name: set(names) for name, names in told.items()} == {
        name: set(names) for name, names in found.items()
    }


@pytest.fixture
def for_trackers(tmp_path, monkeypatch):
    """A method, and what the trackers' block makes of its file."""
    pytest.importorskip("cv2", reason="needs opencv-python-headless")
    method = made_up.method("dimn", tiny=True)
    size = made_up.HEIGHT, made_up.WIDTH
    module = serving.ServingModule(method, *size, "mobilenetv2_x1_0", "dimn")
    monkeypatch.chdir(tmp_path)
    folder = pathlib.Path("exports/tracker/1")
    folder.mkdir(parents=True)
    tracker_onnx.write(module, folder)
    return method, _run("def embed(frame, boxes)")


def test_the_trackers_block_gives_the_live_features(for_trackers):
    (method, block), cv2 = for_trackers, importlib.import_module("cv2")
    frame = np.random.default_rng(0).integers(0, 256, (120, 90, 3), np.uint8)
    # Within the frame, over its edge, and beside it.
    boxes = np.array([(10, 20, 50, 110), (-9, -5, 40, 130), (200, 5, 240, 90)])
    found = block["embed"](frame, boxes)
    cuts = [frame[20:110, 10:50], frame[0:120, 0:40], np.zeros((9, 9, 3), np.uint8)]
    size = made_up.WIDTH, made_up.HEIGHT
    crops = np.stack([cv2.resize(cut, size) for cut in cuts])[..., ::-1]
    expected = method.embed(crops.astype(np.float32)).numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    distance = 1 - expected[0] @ expected[1]
    assert distance > 1e-3
    first, second = (types.SimpleNamespace(embedding=vector) for vector in found[:2])
    track = types.SimpleNamespace(last_detection=second)
    assert block["distance"](first, track) == pytest.approx(distance, abs=1e-4)


def test_a_frame_without_boxes_has_no_vectors(for_trackers):
    method, block = for_trackers
    found = block["embed"](np.zeros((9, 9, 3), np.uint8), [])
    assert found.shape == (0, method.feature_dimension)
