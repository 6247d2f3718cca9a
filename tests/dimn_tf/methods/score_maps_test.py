"""Maps of where a score comes from, against the score and a slow version."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors
from tests.dimn_tf.methods import tiny

PAIRS, ROWS, COLUMNS = 3, 4, 2


def _made(**options):
    method = tiny.method("dimn", 5, **options)
    rng = np.random.default_rng(0)
    for weight in method.mapping.weights:  # The kernel starts as the identity.
        weight.assign_add(rng.normal(0, 0.5, weight.shape))
    shape = (PAIRS, ROWS, COLUMNS, tiny.DIMENSION)
    probes, gallery = (
        tf.constant(rng.uniform(0, 2, shape), tf.float32) for _ in range(2)
    )
    return method, probes, gallery


def _scores(method, probes, gallery):
    """Scores of the pairs, from feature maps, by the method's own functions."""
    return np.diag(
        method.score(
            method.probe_representation(method.encoder.pooling(probes)),
            method.gallery_representation(method.encoder.pooling(gallery)),
        )
    )


@pytest.mark.parametrize(
    ("activation", "bias", "classifiers", "probes_too"),
    list(
        itertools.product(
            ("linear", "relu", "leaky_relu", "tanh"),
            (False, True),
            (False, True),
            (False, True),
        )
    ),
)
def test_each_map_adds_up_to_the_score(activation, bias, classifiers, probes_too):
    method, probes, gallery = _made(
        mapping_activation=activation,
        mapping_bias=bias,
        normalise_classifiers=classifiers,
        normalise_probes=probes_too,
        logit_scale=3.0,
    )
    assert method.has_score_maps
    maps = method.score_maps(probes, gallery)
    expected = _scores(method, probes, gallery)
    assert np.ptp(expected) > 0.01
    for one_map in maps:
        assert one_map.shape == (PAIRS, ROWS, COLUMNS)
        np.testing.assert_allclose(
            np.sum(one_map, axis=(1, 2)), expected, rtol=1e-4, atol=1e-5
        )


def test_a_probes_share_is_what_the_score_loses_without_the_place():
    method, probes, gallery = _made()
    probe_map, _ = method.score_maps(probes, gallery)
    whole = _scores(method, probes, gallery)
    for row, column in itertools.product(range(ROWS), range(COLUMNS)):
        without = probes.numpy()
        without[:, row, column] = 0
        lost = whole - _scores(method, tf.constant(without), gallery)
        np.testing.assert_allclose(probe_map[:, row, column], lost, rtol=1e-3)


def test_a_gallery_images_share_place_by_place_with_its_length_held():
    method, probes, gallery = _made()
    _, gallery_map = method.score_maps(probes, gallery)
    kernel = method.mapping.kernel.numpy().astype(np.float64)
    for i in range(PAIRS):
        feature = probes[i].numpy().astype(np.float64).mean(axis=(0, 1))
        places = gallery[i].numpy().astype(np.float64)
        length = np.linalg.norm(places.mean(axis=(0, 1)) @ kernel)
        for row, column in itertools.product(range(ROWS), range(COLUMNS)):
            share = places[row, column] @ kernel @ feature / length / ROWS / COLUMNS
            np.testing.assert_allclose(gallery_map[i, row, column], share, rtol=1e-4)


@pytest.mark.parametrize("probes_too", [False, True])
def test_a_probes_map_against_vectors_place_by_place(probes_too):
    method, probes, _ = _made(normalise_probes=probes_too, logit_scale=3.0)
    vectors = np.random.default_rng(3).normal(size=(PAIRS, tiny.DIMENSION))
    found = method.probe_score_maps(probes, tf.constant(vectors, tf.float32))
    one = method.probe_score_maps(probes[1:2], tf.constant(vectors, tf.float32))
    assert found.shape == one.shape == (PAIRS, ROWS, COLUMNS)
    for i in range(PAIRS):
        for image, found_map in ((i, found[i]), (1, one[i])):
            places = probes[image].numpy().astype(np.float64)
            length = 1.0
            if probes_too:
                length = np.linalg.norm(places.mean(axis=(0, 1)))
            for row, column in itertools.product(range(ROWS), range(COLUMNS)):
                share = 3 * places[row, column] @ vectors[i] / length / ROWS / COLUMNS
                np.testing.assert_allclose(
                    found_map[row, column], share, rtol=1e-4, atol=1e-6
                )


def test_a_probes_map_against_a_classifier_is_the_pairs():
    method, probes, gallery = _made(
        mapping_activation="tanh", normalise_probes=True, logit_scale=3.0
    )
    classifiers = method.gallery_representation(method.encoder.pooling(gallery))
    np.testing.assert_allclose(
        method.probe_score_maps(probes, classifiers),
        method.score_maps(probes, gallery)[0],
        rtol=1e-5,
    )


def test_a_distance_has_no_map():
    method = tiny.method("aggregation", 5)
    assert not method.has_score_maps
    for refused, other in (
        (method.score_maps, tf.zeros((1, 2, 2, 6))),
        (method.probe_score_maps, tf.zeros((1, 6))),
    ):
        with pytest.raises(errors.UserError, match="Aggregation is no sum over places"):
            refused(tf.zeros((1, 2, 2, 6)), other)
