"""AlignedReID: all paths by brute force, the hardest images, the sum of its losses."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.methods import aligned_reid
from tests.dimn_tf.methods import tiny

LABELS = [4, 0, 7]


def _unit(rng, *shape):
    values = rng.normal(size=shape)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def _by_all_paths(a, b):
    """Shortest of all ways of `rows - 1` steps down and as many to the right."""
    rows = len(a)
    u = np.linalg.norm(a[:, None] - b[None], axis=-1)
    steps = (np.exp(u) - 1) / (np.exp(u) + 1)
    lengths = []
    for downs in itertools.combinations(range(2 * rows - 2), rows - 1):
        i = j = 0
        length = steps[0, 0]
        for step in range(2 * rows - 2):
            i, j = (i + 1, j) if step in downs else (i, j + 1)
            length += steps[i, j]
        lengths.append(length)
    return min(lengths), len(lengths)


def test_local_distance_is_that_of_the_best_of_all_paths():
    rng = np.random.default_rng(0)
    a, b = _unit(rng, 5, 4, 3), _unit(rng, 5, 4, 3)
    expected = [_by_all_paths(*pair) for pair in zip(a, b, strict=True)]
    assert {count for _, count in expected} == {20}
    found = aligned_reid.local_distance(
        tf.constant(a, tf.float32), tf.constant(b, tf.float32)
    )
    np.testing.assert_allclose(found, [e for e, _ in expected], rtol=1e-5)


def test_rows_that_are_shifted_are_near():
    """What the alignment is for: the same rows, one further down."""
    rows = np.eye(4, dtype=np.float32)[None]
    shifted = rows[:, [0, 0, 1, 2]]
    far = aligned_reid.local_distance(rows, rows[:, ::-1].copy())
    near = aligned_reid.local_distance(rows, shifted)
    assert float(near[0]) < 0.6 * float(far[0])


def test_a_distance_of_zero_has_a_gradient():
    rows = tf.Variable(_unit(np.random.default_rng(0), 2, 3, 4).astype("float32"))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(aligned_reid.local_distance(rows, rows + 0.0))
    assert np.isfinite(tape.gradient(loss, rows).numpy()).all()


def test_what_a_classifier_alone_would_use_is_refused_without_one():
    given = {"aligned_identification": False, "label_smoothing": 0.1}
    with pytest.raises(errors.UserError, match="--label_smoothing=0.1: --noaligned"):
        tiny.method("aligned_reid", 9, **given)
    with pytest.raises(errors.UserError, match="--feature_neck: --noaligned"):
        tiny.method("aligned_reid", 9, neck=True, aligned_identification=False)
    tiny.method("aligned_reid", 9, neck=True)


@pytest.mark.parametrize("identification", [True, False])
@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_loss_is_the_literal_one(identification, weight):
    method = tiny.method(
        "aligned_reid",
        9,
        aligned_identification=identification,
        aligned_local_weight=weight,
        aligned_margin=0.7,
        aligned_dimension=4,
    )
    batch = tiny.batch(LABELS)
    images = np.concatenate([tiny.view(batch, 0), tiny.view(batch, 1)])
    maps = method.encoder.feature_maps(images).numpy()
    features, labels = maps.mean(axis=(1, 2)), np.array(LABELS * 2)
    distances = np.linalg.norm(features[:, None] - features[None], axis=-1)
    same = labels[:, None] == labels[None]
    expected = {"global_triplet": 0.0, "local_triplet": 0.0}
    if weight:
        local = method.local(maps, training=True).numpy()
        np.testing.assert_allclose(np.linalg.norm(local, axis=-1), 1.0, rtol=1e-3)
    for anchor in range(6):
        p = int(np.argmax(np.where(same[anchor], distances[anchor], -1)))
        n = int(np.argmin(np.where(same[anchor], np.inf, distances[anchor])))
        hinge = 0.7 + distances[anchor, p] - distances[anchor, n]
        expected["global_triplet"] += max(0.0, hinge) / 6
        if weight:
            near, far = (_by_all_paths(local[anchor], local[x])[0] for x in (p, n))
            expected["local_triplet"] += max(0.0, 0.7 + near - far) / 6
    total = expected["global_triplet"] + weight * expected["local_triplet"]
    if identification:
        logits = method.classifier(features).numpy()
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        expected["identification"] = -log_p[np.arange(6), labels].mean()
        total += expected["identification"]
    logs = tf.function(method.train_step)(batch)
    if not weight:
        del expected["local_triplet"]
    assert float(logs.pop("loss")) == pytest.approx(total, rel=1e-3)
    logs.pop("identification_accuracy", None)
    assert set(logs) == set(expected)
    for name, value in expected.items():
        assert float(logs[name]) == pytest.approx(value, rel=1e-3), name
