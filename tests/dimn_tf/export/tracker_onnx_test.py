"""What trackers load: a file, its name, its sidecar, and vectors of the live model."""

import itertools
import json
import pathlib
import re

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

from dimn_tf import encoders, methods
from dimn_tf.encoders import mobilenet_v2
from dimn_tf.export import exporter, serving, tracker_onnx
from tests.dimn_tf.export import made_up
from tests.dimn_tf.export.made_up import HEIGHT, WIDTH
from tests.dimn_tf.methods import tiny

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _written(method, folder):
    module = serving.ServingModule(
        method, HEIGHT, WIDTH, "mobilenetv2_x1_4", "aligned_reid"
    )
    tracker_onnx.write(module, folder)
    return folder / "mobilenetv2_x1_4_aligned_reid.onnx"


def _given(pixels):
    """RGB [n, H, W, 3] -> what a tracker gives, number by number."""
    found = np.empty((len(pixels), 3, *pixels.shape[1:3]), np.float32)
    for channel, (mean, deviation) in enumerate(zip(MEAN, DEVIATION, strict=True)):
        found[:, channel] = (pixels[..., channel] / 255 - mean) / deviation
    return found


def _answer(path, given):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"images": given})


def _of_unit_length(features):
    features = np.asarray(features)
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def _same(found, expected):
    limit = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=limit)
    # The vectors tell images apart by more than that.
    assert np.ptp(expected, axis=0).max() > 10 * limit


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """A method whose feature is neither the encoder's nor what it matches by."""
    method = made_up.method("halves", tiny=True)
    return method, _written(method, tmp_path_factory.mktemp("halves"))


def test_the_file_takes_and_gives_what_trackers_expect(halves):
    method, path = halves
    assert sorted(x.name for x in path.parent.iterdir()) == [
        "mobilenetv2_x1_4_aligned_reid.onnx",
        "mobilenetv2_x1_4_aligned_reid.onnx.metadata.json",
    ]
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert {x.version for x in model.opset_import if not x.domain} == {17}
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,), (answer,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type) == ("images", "tensor(float)")
    assert given.shape == ["batch", 3, HEIGHT, WIDTH]
    assert (answer.name, answer.type) == ("output0", "tensor(float)")
    assert answer.shape == ["batch", 2 * made_up.TINY]
    assert 2 * made_up.TINY != method.representation_dimension


def test_the_sidecar_says_what_newer_loaders_ask_for(halves):
    text = pathlib.Path(f"{halves[1]}.metadata.json").read_text()
    assert json.loads(text) == {
        "schema_version": 1,
        "model_name": "mobilenetv2_x1_4",
        "preprocess": "resize",
        "model_kwargs_schema_version": 1,
        "model_kwargs": {"img_size": [HEIGHT, WIDTH]},
    }


@pytest.mark.parametrize("count", [1, 3, 8])
def test_a_batch_of_any_size_gives_the_live_features(halves, count):
    method, path = halves
    images, _ = exporter.made_up_images(count, HEIGHT, WIDTH, seed=2)
    (found,) = _answer(path, _given(images))
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    expected = _of_unit_length(method.embed(images))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("case", tiny.CASES)
def test_every_method_has_such_a_feature(case, tmp_path):
    method = made_up.method(case, tiny=True)
    path = _written(method, tmp_path)
    images, files = exporter.made_up_images(4, HEIGHT, WIDTH, seed=3)
    found = tracker_onnx.run(tmp_path, images, files)
    assert set(found) == {"unit_features"}
    _same(found["unit_features"], _of_unit_length(method.embed(images)))
    (by_hand,) = _answer(path, _given(images))
    np.testing.assert_allclose(found["unit_features"], by_hand, rtol=0, atol=1e-6)


@pytest.mark.parametrize("mirror", [False, True])
def test_a_neck_instance_norms_and_mirror_images(mirror, tmp_path, monkeypatch):
    norms = {"instance_norm_through": "block_3", "neck": True}
    method = made_up.method("dimn", **norms)
    monkeypatch.setattr(method, "mirror", mirror)
    images, _ = exporter.made_up_images(4, HEIGHT, WIDTH, seed=3)
    features = np.asarray(method.embed(images))
    if mirror:
        features = (features + np.asarray(method.embed(images[:, :, ::-1]))) / 2
    (found,) = _answer(_written(method, tmp_path), _given(images))
    _same(found, _of_unit_length(features))


def test_crops_that_opencv_resized(halves):
    """Boxes of a frame in OpenCV's order of colours, as trackers cut them out."""
    cv2 = pytest.importorskip("cv2")
    method, path = halves
    (frame,), _ = exporter.made_up_images(1, 240, 320, seed=6)
    frame = frame.astype(np.uint8)[..., ::-1]
    boxes = [(3, 5, 60, 230), (100, 0, 117, 40), (200, 100, 319, 239)]
    crops = [
        cv2.cvtColor(
            cv2.resize(
                frame[top:bottom, left:right],
                (WIDTH, HEIGHT),
                interpolation=cv2.INTER_LINEAR,
            ),
            cv2.COLOR_BGR2RGB,
        )
        for left, top, right, bottom in boxes
    ]
    pixels = np.stack(crops)
    assert pixels.dtype == np.uint8
    (found,) = _answer(path, _given(pixels))
    _same(found, _of_unit_length(method.embed(pixels.astype(np.float32))))


class _Pixels:
    """In a serving module's place: what the network would see, as a vector."""

    height, width, network_name, method_name = 16, 8, "network", "method"

    def unit_features(self, images):
        return tf.reshape(images, (-1, 16 * 8 * 3))


def test_the_normalisation_is_undone_to_the_pixels(tmp_path):
    levels = np.arange(256, dtype=np.float32)
    pixels = np.stack([levels, levels[::-1], np.roll(levels, 40)], axis=-1)
    pixels = pixels.reshape(2, 16, 8, 3)  # Each level of each channel.
    tracker_onnx.write(_Pixels(), tmp_path)
    (found,) = _answer(tmp_path / "network_method.onnx", _given(pixels))
    # A ten-thousandth of a level: what float32 rounds.
    np.testing.assert_allclose(found.reshape(pixels.shape), pixels, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("encoder", "width", "expected"),
    [
        ("mobilenet_v2", 1.0, "mobilenetv2_x1_0"),
        ("mobilenet_v2", 1, "mobilenetv2_x1_0"),
        ("mobilenet_v2", 1.4, "mobilenetv2_x1_4"),
        ("mobilenet_v2", 0.35, "mobilenetv2_x0_35"),
        ("resnet50", 1.0, "resnet50"),
        ("conv4_mean", 0.5, "conv4_mean_x0_5"),
    ],
)
def test_networks_have_the_names_that_trackers_know(encoder, width, expected):
    assert tracker_onnx.network_name(encoder, width) == expected


def test_no_name_trips_a_loader():
    widths = (*mobilenet_v2.IMAGENET_WIDTHS, 2.0, 0.125)
    cases = itertools.product(encoders.BACKBONES, widths, methods.METHODS)
    known = {"mobilenetv2_x1_0", "mobilenetv2_x1_4", "resnet50"}
    # What loaders make something else of where a name has it.
    others = (
        *("veri", "vehicleid", "clip", "lmbn", "hacnn", "osnet", "mlfn"),
        *("market", "duke", "msmt", "cuhk", "openvino", "saved_model"),
    )
    found = set()
    for encoder, width, method in cases:
        network = tracker_onnx.network_name(encoder, width)
        name = f"{network}_{method}.onnx"
        assert re.fullmatch(r"[a-z0-9_]+\.onnx", name), name
        assert not [word for word in others if word in name], name
        # Which of theirs it is, as older loaders look for it.
        theirs = [word for word in known if word in name]
        assert theirs == ([network] if network in known else []), name
        found |= set(theirs)
    assert found == known
