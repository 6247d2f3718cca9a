"""Prototypical networks against class means and distances one by one."""

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf.fewshot import proto_net
from tests.dimn_tf.fewshot import smooth


def test_scores_are_negative_squared_distances_to_the_means():
    rng = np.random.default_rng(0)
    support, queries = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 6, 5))
    method = smooth.method(proto_net.ProtoNet)
    found = method.scores_of_features(tf.constant(support), tf.constant(queries))
    assert found.shape == (2, 6, 3)
    for e in range(2):
        for m in range(6):
            for n in range(3):
                mean = sum(support[e, n, k] for k in range(4)) / 4
                expected = -((queries[e, m] - mean) ** 2).sum()
                assert float(found[e, m, n]) == pytest.approx(expected)


def test_a_step_descends_the_mean_cross_entropy_of_the_queries():
    method = smooth.method(
        proto_net.ProtoNet, shots=2, train_ways=3, train_queries=2, tasks=2
    )
    batch = smooth.batch(method)
    losses, right = [], []
    for support, queries in method.tasks_of(batch):
        # All images of a task are normalised together.
        flat = np.concatenate([np.reshape(support, (6, *queries.shape[1:])), queries])
        features = method.encoder(flat, training=True).numpy()
        means = features[:6].reshape(3, 2, -1).mean(axis=1)
        logits = -((features[6:, None] - means[None]) ** 2).sum(axis=-1)
        labels = np.repeat(np.arange(3), 2)
        losses.append(smooth.cross_entropy(logits, labels))
        right.append(logits.argmax(axis=-1) == labels)
    logs = tf.function(method.train_step)(batch)
    assert float(logs["loss"]) == pytest.approx(np.mean(losses), rel=1e-4)
    assert float(logs["accuracy"]) == pytest.approx(np.mean(right))


def test_support_and_queries_are_other_images_in_another_order_each_step():
    method = smooth.method(proto_net.ProtoNet, shots=2, train_ways=6, train_queries=3)
    batch = smooth.batch(method)
    images = batch["images"].numpy()
    orders = set()
    for step in range(5):
        method.optimizer.iterations.assign(step)
        ((support, queries),) = method.tasks_of(batch)
        support, queries = support.numpy(), queries.numpy()
        # Class by class, the queries are those of the support's classes.
        order = [
            int(np.argmin(abs(images[:, 0] - s).sum((1, 2, 3)))) for s in support[:, 0]
        ]
        assert sorted(order) == list(range(6))
        np.testing.assert_array_equal(support, images[order, :2])
        np.testing.assert_array_equal(queries, images[order, 2:].reshape(queries.shape))
        orders.add(tuple(order))
    assert len(orders) == 5
