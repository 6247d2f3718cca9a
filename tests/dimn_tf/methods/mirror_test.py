"""Matching by an image and its mirror image."""

import numpy as np
import pytest

from dimn_tf.training import build
from tests.dimn_tf.methods import tiny
from tests.dimn_tf.training import tiny_run


@pytest.fixture
def images():
    shape = (3, tiny.HEIGHT, tiny.WIDTH, 3)
    return np.random.default_rng(0).uniform(0, 255, shape).astype("float32")


@pytest.mark.parametrize("name", list(tiny.CASES))
def test_the_feature_is_the_mean_of_both(name, images):
    method = tiny.method(name, 9)
    plain = method.matched_features(images)
    np.testing.assert_array_equal(plain, method.embed(images))
    method.mirror = True
    mirrored = images[:, :, ::-1]
    expected = (method.embed(images).numpy() + method.embed(mirrored).numpy()) / 2
    assert np.abs(expected - plain).max() > 1e-3 * np.abs(plain).max()
    np.testing.assert_allclose(method.matched_features(images), expected, rtol=1e-6)
    np.testing.assert_allclose(
        method.matched_features(mirrored), expected, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(method.encode(images), expected, rtol=1e-5, atol=1e-6)


def test_the_maps_are_turned_back_and_their_mean_is_the_feature(images):
    method = tiny.method("dimn", 9)
    own = method.matched_maps(images).numpy()
    np.testing.assert_array_equal(own, method.encoder.maps_of_features(images))
    method.mirror = True
    other = method.encoder.feature_maps(images[:, :, ::-1]).numpy()
    found = method.matched_maps(images)
    np.testing.assert_allclose(found, (own + other[:, :, ::-1]) / 2, rtol=1e-6)
    np.testing.assert_allclose(
        np.mean(found, axis=(1, 2)), method.matched_features(images), rtol=1e-4
    )


def test_only_what_is_made_for_inference_matches_by_both(monkeypatch):
    tiny_run.keep_globals(monkeypatch)
    tiny_run.install()
    recipe = tiny_run.recipe_of(mirror=True)
    trained = build.for_training(recipe, tiny.labels(9))
    assert not trained.mirror
    assert build.for_inference(recipe).mirror
    assert build.for_inference_of(trained, recipe).mirror
    assert not build.for_inference(tiny_run.recipe_of()).mirror
