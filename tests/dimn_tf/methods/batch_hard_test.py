"""The batch-hard triplet loss: the hardest images, its gradient, two methods' use."""

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.methods import batch_hard
from dimn_tf.training import recipe as recipes
from tests.dimn_tf.methods import tiny

LABELS = [4, 0, 7]


def test_hardest_are_of_the_same_and_of_another_identity():
    features = np.array([[0.0], [1.0], [5.0], [0.5], [4.0], [9.0]], np.float32)
    labels = np.array([1, 2, 1, 1, 2, 3])
    positive, negative = batch_hard.hardest(features, labels, features, labels)
    np.testing.assert_array_equal(positive, [2, 4, 0, 2, 1, 5])
    np.testing.assert_array_equal(negative, [1, 3, 4, 1, 2, 2])


def test_a_distance_of_zero_has_a_gradient():
    features = tf.Variable(np.ones((2, 3), np.float32))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(batch_hard.distance(features, features + 0.0))
    assert np.isfinite(tape.gradient(loss, features).numpy()).all()


def _literal(features, labels, margin):
    """Anchor by anchor, in float64."""
    features, total = features.astype(np.float64), 0.0
    for anchor, label in zip(features, labels, strict=True):
        distances = np.sqrt(((features - anchor) ** 2).sum(axis=1))
        furthest = max(d for d, l in zip(distances, labels, strict=True) if l == label)
        nearest = min(d for d, l in zip(distances, labels, strict=True) if l != label)
        total += max(0.0, margin + furthest - nearest)
    return total


def test_loss_is_the_literal_one():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(8, 3)).astype(np.float32)
    labels = np.array([0, 1, 2, 3, 0, 1, 2, 3])
    for margin in (0.0, 0.5, 5.0):
        found, _, _ = batch_hard.loss(
            tf.constant(features), tf.constant(labels), margin
        )
        assert float(found) == pytest.approx(_literal(features, labels, margin), 1e-5)


@pytest.mark.parametrize("neck", [False, True])
@pytest.mark.parametrize("name", ["dimn", "aggregation"])
def test_it_stands_beside_a_methods_losses(name, neck):
    """Per image that is identified: in DIMN a batch's probes, else all its images.

    Of the features before a neck.
    """
    plain = tiny.method(name, 9, neck=neck)
    method = tiny.method(
        name, 9, neck=neck, feature_triplet_weight=2.0, feature_triplet_margin=0.4
    )
    batch = tiny.batch(LABELS)
    images = np.concatenate([tiny.view(batch, 0), tiny.view(batch, 1)])
    features = method.encoder.feature_maps(images).numpy().mean(axis=(1, 2))
    expected = _literal(features, LABELS * 2, 0.4) / 6
    before = tf.function(plain.train_step)(batch)
    logs = tf.function(method.train_step)(batch)
    assert "feature_triplet" not in before and expected > 0.1
    assert float(logs["feature_triplet"]) == pytest.approx(expected, rel=1e-4)
    assert float(logs["loss"]) == pytest.approx(
        float(before["loss"]) + 2.0 * expected, rel=1e-4
    )
    assert set(logs) - set(before) == {"feature_triplet"}
    # It moves the encoder.
    moved = [
        np.abs(a.numpy() - b.numpy()).max()
        for a, b in zip(
            plain.encoder.trainable_variables,
            method.encoder.trainable_variables,
            strict=True,
        )
    ]
    assert max(moved) > 0


@pytest.mark.parametrize(
    ("method", "options"),
    [("aligned_reid", {}), ("aggregation", {"feature_triplet_weight": 1.0})],
)
def test_one_image_an_identity_is_refused(method, options):
    """The furthest image of its identity would be the image itself."""
    given = {"method": method, "images_per_identity": 1, **options}
    with pytest.raises(errors.UserError, match="--images_per_identity=1: the triplet"):
        recipes.from_values(given).batch_request  # noqa: B018
    recipes.from_values({**given, "images_per_identity": 2}).batch_request  # noqa: B018
