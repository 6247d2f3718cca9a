"""The signatures against the live method, before anything is written."""

import io

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from dimn_tf import encoders, methods
from dimn_tf.data import resizing
from dimn_tf.export import exporter, serving
from tests.dimn_tf.export import made_up
from tests.dimn_tf.export.made_up import HEIGHT, STRIDE, TINY, WIDTH


@pytest.fixture(scope="module", params=["dimn", "halves"])
def served(request):
    """A method, its serving module and the module's signatures."""
    method = made_up.method(request.param, tiny=True)
    module = serving.ServingModule(method, HEIGHT, WIDTH)
    return method, module, module.signatures()


def _file(height, width, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "PNG")
    return pixels, buffer.getvalue()


def _close(found, expected):
    limit = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=limit)


_SIDES = {
    "embed_probe": ("probe_features", "probe_representation"),
    "enroll_gallery": ("gallery_classifiers", "gallery_representation"),
}


@pytest.mark.parametrize("name", _SIDES)
def test_files_and_pixels_of_any_size_give_the_methods_vectors(served, name):
    method, _, signatures = served
    output, represent = _SIDES[name]
    for size in ((40, 20), (90, 20), (40, 70), (HEIGHT, WIDTH)):
        pixels, file = _file(*size)
        resized = resizing.decode_and_resize(file, HEIGHT, WIDTH)[tf.newaxis]
        expected = getattr(method, represent)(method.embed(resized)).numpy()
        found = signatures[name](image_bytes=tf.constant([file, b"none"]))
        assert set(found) == {output, "decoded", "fault"}
        _close(found[output][:1], expected)
        assert np.isnan(found[output][1]).all()
        assert found["decoded"].numpy().tolist() == [True, False]
        assert found["fault"].numpy().tolist() == [b"", b"undecodable"]
        found = signatures[f"{name}_pixels"](pixels=tf.constant(pixels[np.newaxis]))
        assert set(found) == {output}
        _close(found[output], expected)


def test_a_request_of_no_image_is_answered_by_none(served):
    method, _, signatures = served
    nothing = tf.zeros([0], tf.string)
    for name, (output, _) in _SIDES.items():
        found = signatures[name](image_bytes=nothing)
        assert found[output].shape == (0, method.representation_dimension)
        assert len(found["decoded"]) == len(found["fault"]) == 0
        pixels = tf.zeros((0, 40, 20, 3), tf.uint8)
        found = signatures[f"{name}_pixels"](pixels=pixels)
        assert found[output].shape == (0, method.representation_dimension)
    if method.has_score_maps:
        found = signatures["explain"](probe_bytes=nothing, gallery_bytes=nothing)
        assert {len(values) for values in found.values()} == {0}
        found = signatures["explain_vectors"](
            probe_bytes=tf.constant([_file(40, 20)[1]]),
            gallery_classifiers=tf.zeros((0, method.representation_dimension)),
        )
        assert found["scores"].shape == (0,)
        assert found["probe_map"].shape == (0, HEIGHT // STRIDE, WIDTH // STRIDE)
        assert found["decoded"].numpy().tolist() == [True]


def test_scores_are_the_methods(served):
    method, _, signatures = served
    rng = np.random.default_rng(0)
    dimension = method.representation_dimension
    probes, gallery = (
        tf.constant(rng.normal(size=(n, dimension)), tf.float32) for n in (3, 2)
    )
    found = signatures["score"](probe_features=probes, gallery_classifiers=gallery)
    np.testing.assert_allclose(found["scores"], method.score(probes, gallery), 1e-5)


def test_a_feature_that_is_no_mean_over_places_has_no_maps():
    """conv4's features are its maps as they are."""
    made = methods.DIMN(
        encoders.build_encoder("conv4", 32, 16, 0.0625), methods.DIMN.Options()
    )
    signatures = serving.ServingModule(made, 32, 16).signatures()
    assert not {"explain", "explain_vectors"} & set(signatures)


def test_a_pair_is_explained_where_both_images_are_decoded(served):
    method, _, signatures = served
    assert ("explain" in signatures) == method.has_score_maps
    if not method.has_score_maps:
        return
    images, files = exporter.made_up_images(2, HEIGHT, WIDTH, seed=3)
    found = signatures["explain"](
        probe_bytes=tf.constant([files[0], b"bad", files[0]]),
        gallery_bytes=tf.constant([files[1], files[1], b""]),
    )
    assert found["decoded"].numpy().tolist() == [True, False, False]
    assert found["fault"].numpy().tolist() == [b"", b"undecodable", b"undecodable"]
    maps = method.encoder.feature_maps(images)
    for key, expected in zip(
        ("probe_map", "gallery_map"),
        method.score_maps(maps[:1], maps[1:]),
        strict=True,
    ):
        _close(found[key][:1], expected)
        assert np.isnan(found[key][1:]).all()
    features = method.embed(images)
    score = method.score(
        method.probe_representation(features[:1]),
        method.gallery_representation(features[1:]),
    )
    _close(found["scores"][:1], score[0].numpy())
    assert np.isnan(found["scores"][1:]).all()


@pytest.mark.parametrize("mirror", [False, True])
def test_a_probe_is_explained_against_vectors(mirror, monkeypatch):
    method = made_up.method("dimn", tiny=True)
    monkeypatch.setattr(method, "mirror", mirror)
    signature = serving.ServingModule(method, HEIGHT, WIDTH).signatures()[
        "explain_vectors"
    ]
    images, files = exporter.made_up_images(1, HEIGHT, WIDTH, seed=3)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3, TINY)).astype(np.float32)

    def asked(file):
        return signature(
            probe_bytes=tf.constant([file]), gallery_classifiers=tf.constant(vectors)
        )

    found = asked(files[0])
    assert set(found) == {"probe_map", "scores", "decoded", "fault"}
    maps = method.encoder.feature_maps(images).numpy()
    if mirror:
        other = method.encoder.feature_maps(images[:, :, ::-1]).numpy()
        maps = (maps + other[:, :, ::-1]) / 2
    places = (HEIGHT // STRIDE) * (WIDTH // STRIDE)
    # The logit scale is 2.
    _close(found["probe_map"], np.stack([2 * maps[0] @ v / places for v in vectors]))
    feature = method.probe_representation(method.matched_features(images))
    _close(found["scores"], 2 * vectors @ feature[0].numpy())
    assert found["decoded"].numpy().tolist() == [True]
    refused = asked(b"bad")
    assert np.isnan(refused["probe_map"]).all() and np.isnan(refused["scores"]).all()
    assert refused["scores"].shape == (3,)
    assert refused["fault"].numpy().tolist() == [b"undecodable"]


@pytest.mark.parametrize("size", [(40, 20), (41, 20), (40, 21), (80, 10), (10, 80)])
def test_a_batch_is_resized_as_single_files_are(size):
    pixels, file = _file(*size)
    expected = resizing.decode_and_resize(file, 40, 20)
    found = serving.resize(tf.constant(np.stack([pixels, pixels[::-1]])), 40, 20)
    assert found.shape == (2, 40, 20, 3) and found.dtype == tf.float32
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-3)
    assert np.abs(found[1] - expected).max() > 1


def test_what_is_served_is_all_there_and_nothing_of_training(served):
    method, module, _ = served
    layers = [module.encoder, *method.matching_layers]
    assert len(module.served_variables) == sum(len(x.variables) for x in layers)
    assert module.name == "dimn_tf" and module.encoder.name == "folded_encoder"
    tracked = {variable.ref() for variable in module.variables}
    assert {v.ref() for v in module.served_variables} <= tracked
    assert not [v for v in module.variables if made_up.C in v.shape]
