"""The aggregation baseline: its loss, its images, its distance."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.dimn_tf.methods import tiny

LABELS = [4, 0, 7]


def test_loss_is_cross_entropy_of_all_images_of_the_batch():
    method = tiny.method("aggregation", 9)
    batch = tiny.batch(LABELS)
    images = np.concatenate([tiny.view(batch, 0), tiny.view(batch, 1)])
    logits = method.classifier(method.encode(images)).numpy()
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -np.mean(log_p[np.arange(6), LABELS * 2])
    logs = tf.function(method.train_step)(batch)
    assert float(logs["loss"]) == pytest.approx(expected, rel=1e-4)
    assert set(logs) == {"loss", "identification", "identification_accuracy"}


def test_step_trains_encoder_and_classifier():
    method = tiny.method("aggregation", 9)
    method.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=False)
    before = method.get_weights()
    method.train_step(tiny.batch(LABELS))
    changed = [
        not np.array_equal(a, b)
        for a, b in zip(before, method.get_weights(), strict=True)
    ]
    assert all(changed)


def test_score_ranks_as_euclidean_distance():
    method = tiny.method("aggregation", 9)
    rng = np.random.default_rng(0)
    probes, gallery = rng.normal(size=(3, 6)), rng.normal(size=(5, 6))
    scores = method.score(
        method.probe_representation(tf.constant(probes, tf.float32)),
        method.gallery_representation(tf.constant(gallery, tf.float32)),
    )
    distances = np.linalg.norm(probes[:, None] - gallery[None], axis=-1)
    np.testing.assert_allclose(scores, -(distances**2), rtol=1e-4, atol=1e-5)


def test_any_number_of_images_an_identity_and_label_smoothing():
    method = tiny.method("aggregation", 9, label_smoothing=0.2)
    batch = tiny.batch(LABELS, each=3)
    images = np.concatenate([tiny.view(batch, k) for k in range(3)])
    logits = method.classifier(method.encode(images)).numpy()
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    at_label = log_p[np.arange(9), LABELS * 3]
    expected = -np.mean(0.8 * at_label + 0.2 * log_p.mean(axis=1))
    logs = method.train_step(batch)
    assert float(logs["loss"]) == pytest.approx(expected, rel=1e-4)


def test_the_accuracy_is_of_all_images_of_the_batch():
    method = tiny.method("aggregation", 3)
    batch = tiny.batch([0, 2, 1], each=3)
    images = np.concatenate([tiny.view(batch, k) for k in range(3)])
    logits = method.classifier(method.encode(images)).numpy()
    expected = np.mean(logits.argmax(axis=1) == [0, 2, 1] * 3)
    assert 0 < expected < 1
    found = method.train_step(batch)["identification_accuracy"]
    assert float(found) == pytest.approx(expected)


def test_the_classifier_is_of_the_seed_and_has_a_bias_where_it_is_asked_for():
    first, again, other = (
        tiny.method("aggregation", 9, seed, classifier_bias=bias).classifier
        for seed, bias in ((0, False), (0, True), (1, False))
    )
    assert not first.use_bias and again.use_bias
    np.testing.assert_array_equal(first.kernel.numpy(), again.kernel.numpy())
    assert not np.allclose(first.kernel.numpy(), other.kernel.numpy())
    assert first.kernel.shape == (tiny.DIMENSION, 9)
