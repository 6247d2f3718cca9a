"""DIMN's and PPA's predicted classifiers, and features by an episode's statistics."""

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf.fewshot import base, dimn, ppa, proto_net
from dimn_tf.methods import dimn as reid_dimn
from dimn_tf.methods import ppa as reid_ppa
from tests.dimn_tf.fewshot import smooth


def _unit(x):
    return x / np.linalg.norm(x)


def _features(seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(3, 4, smooth.D)).astype("float32"),
        rng.normal(size=(6, smooth.D)).astype("float32"),
    )


def test_dimn_maps_the_mean_of_a_class_support_to_its_classifier():
    method = smooth.method(dimn.DIMN, logit_scale=3.0)
    kernel = np.random.default_rng(1).normal(size=(smooth.D, smooth.D))
    method.mapping.kernel.assign(kernel)
    support, queries = _features()
    found = method.scores_of_features(support, queries)
    for n in range(3):
        classifier = _unit(support[n].mean(axis=0) @ kernel)
        for m in range(6):
            expected = 3.0 * classifier @ queries[m]
            assert float(found[m, n]) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    both = method.scores_of_features(
        np.stack([support, support[::-1]]), np.stack([queries, queries])
    )
    np.testing.assert_allclose(both[0], found, rtol=1e-5)
    np.testing.assert_allclose(both[1], found.numpy()[:, ::-1], rtol=1e-5)


def test_ppa_maps_the_mean_activation_of_a_class():
    method = smooth.method(ppa.PPA)
    rng = np.random.default_rng(1)
    for layer in method.matching_layers:
        layer.kernel.assign(rng.normal(size=layer.kernel.shape))
        layer.bias.assign(rng.normal(size=layer.bias.shape))
    (k1, b1), (k2, b2) = (layer.get_weights() for layer in method.matching_layers)
    support, queries = _features()
    found = method.scores_of_features(support, queries)
    for n in range(3):
        hidden = np.maximum(_unit(support[n].mean(axis=0)) @ k1 + b1, 0)
        classifier = _unit(hidden @ k2 + b2)
        np.testing.assert_allclose(
            found[:, n], queries @ classifier, rtol=1e-3, atol=1e-5
        )


def test_they_are_trained_by_the_shared_steps():
    """One account of Algorithm 1, one of PPA's stages."""
    assert dimn.DIMN.train_step is reid_dimn.DIMN.train_step
    assert dimn.DIMN.training_losses is reid_dimn.DIMN.training_losses
    assert ppa.PPA.train_step is reid_ppa.PPA.train_step
    assert ppa.PPA.mapping_step is reid_ppa.PPA.mapping_step
    method = smooth.method(dimn.DIMN, classes=64, train_ways=32)
    assert method.memory_bank.classifiers.shape == (64, smooth.D)
    request = method.request
    assert (request.identities, request.images_per_identity) == (32, 2)
    assert request.domain_sampling == "all"


@pytest.mark.parametrize("statistics", ["moving", "episode", "query"])
def test_statistics_are_those_asked_for(statistics):
    method = smooth.method(proto_net.ProtoNet)
    for layer in method.encoder.backbone.layers:
        if hasattr(layer, "moving_mean"):
            layer.moving_mean.assign(layer.moving_mean + 0.3)
    support, queries = smooth.images(3, 2, seed=5), smooth.images(4, seed=6)
    flat = support.reshape(6, *queries.shape[1:])
    before = [v.numpy() for v in method.variables]
    found = method.episode_scores(support, queries, statistics)
    for old, v in zip(before, method.variables, strict=True):
        np.testing.assert_array_equal(v, old)
    for m in range(4):
        training = statistics != "moving"
        if statistics == "query":
            both = method.encoder(
                np.concatenate([flat, queries[m : m + 1]]), training=training
            )
            of_support, of_query = both[:6], both[6:]
        elif statistics == "episode":
            of_support = method.encoder(flat, training=training)
            of_query = method.encoder(queries, training=training)[m : m + 1]
        else:
            of_support, of_query = (
                method.encoder(flat),
                method.encoder(queries[m : m + 1]),
            )
        expected = method.scores_of_features(
            tf.reshape(of_support, (3, 2, -1)), of_query
        )[0]
        np.testing.assert_allclose(found[m], expected, rtol=1e-3, atol=1e-4)
    assert isinstance(method, base.FeatureMethod)
