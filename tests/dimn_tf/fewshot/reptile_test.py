"""Reptile on classes: a training step and a test episode unrolled by hand."""

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf.fewshot import reptile
from tests.dimn_tf.fewshot import smooth

RATE = 0.02


def _method(**options):
    given = {
        "ways": 3, "train_ways": 3, "shots": 2, "tasks": 2, "reptile_inner_steps": 3,
        "reptile_train_shots": 4, "reptile_batch": 5, "reptile_inner_rate": RATE,
        "reptile_test_steps": 4, "reptile_test_batch": 4, **options,
    }  # fmt: skip
    method = smooth.method(reptile.Reptile, **given)
    method.compile(optimizer=method.own_optimizer(10), jit_compile=False)
    rng = np.random.default_rng(2)
    for moment in method.second_moments.moments:
        moment.assign(rng.uniform(0.01, 0.1, moment.shape))
    return method


def _variables(method):
    return [
        *method.encoder.trainable_variables, *method.classifier.trainable_variables
    ]  # fmt: skip


def _adam_step(method, images, labels, moments, correction):
    """A step of the layers' own variables; returns the loss."""
    variables = _variables(method)
    with tf.GradientTape() as tape:
        log_p = tf.nn.log_softmax(
            method.classifier(method.encoder(images, training=True))
        )
        loss = -tf.reduce_mean(tf.gather(log_p, labels, batch_dims=1))
    for i, (v, g) in enumerate(
        zip(variables, tape.gradient(loss, variables), strict=True)
    ):
        moments[i] = 0.999 * moments[i] + 0.001 * g.numpy() ** 2
        v.assign_sub(RATE * correction * g / (np.sqrt(moments[i]) + 1e-8))
    return float(loss)


def test_a_step_goes_towards_where_the_tasks_lead():
    method = _method()
    batch = smooth.batch(method)
    variables = _variables(method)
    theta = [v.numpy() for v in variables]
    moments = [m.numpy() for m in method.second_moments.moments]
    ends, losses, done = [], [], 0
    for task in range(2):
        for v, value in zip(variables, theta, strict=True):
            v.assign(value)
        columns = method.columns_of(batch["labels"][task], task)
        seen = []
        for k in range(3):
            images, labels = method.inner_batch(
                {n: values[task] for n, values in batch.items()}, columns, task, k
            )
            assert images.shape == (5, smooth.HEIGHT, smooth.WIDTH, 3)
            flat = batch["images"][task].numpy().reshape(12, -1)
            for image, label in zip(images.numpy(), labels.numpy(), strict=True):
                place = int(np.argmin(np.abs(flat - image.ravel()).sum(axis=1)))
                assert label == columns[place // 4]
                seen.append(place)
            done += 1
            correction = np.sqrt(1 - 0.999**done)
            losses.append(_adam_step(method, images, labels, moments, correction))
        # Each image once, then another round.
        assert sorted(seen[:12]) == list(range(12)) and len(set(seen[12:])) == 3
        ends.append([v.numpy() for v in variables])
    for v, value in zip(variables, theta, strict=True):
        v.assign(value)
    logs = tf.function(method.train_step)(batch)
    assert float(logs["loss"]) == pytest.approx(np.mean(losses), rel=1e-3)
    for i, v in enumerate(variables):
        mean = (ends[0][i] + ends[1][i]) / 2  # epsilon is 1 at first.
        np.testing.assert_allclose(v, mean, rtol=1e-3, atol=1e-4)


def test_classes_are_in_another_order_for_each_task():
    method = _method(ways=6, train_ways=6)
    labels = tf.range(6)
    orders = {tuple(method.columns_of(labels, task).numpy()) for task in range(5)}
    assert len(orders) == 5 and all(sorted(o) == list(range(6)) for o in orders)


@pytest.mark.parametrize("statistics", ["query", "episode"])
def test_an_episode_is_fine_tuned_from_the_moments_of_training(statistics):
    method = _method()
    support, queries = smooth.images(3, 2, seed=5), smooth.images(4, seed=6)
    before = [v.numpy() for v in method.variables]
    found = method.episode_scores(support, queries, statistics)
    for old, v in zip(before, method.variables, strict=True):
        np.testing.assert_array_equal(v, old)
    flat, labels = support.reshape(6, *queries.shape[1:]), np.repeat(range(3), 2)
    moments = [m.numpy() for m in method.second_moments.moments]
    seen = []
    for k in range(4):
        places = reptile._in_turn(6, 4, k, tf.constant([0, 0])).numpy()
        seen += list(places)
        _adam_step(method, flat[places], labels[places], moments, 1.0)
    assert [sorted(seen[i : i + 6]) for i in (0, 6)] == [list(range(6))] * 2
    if statistics == "episode":
        expected = method.classifier(method.encoder(queries, training=True))
    else:
        expected = [
            method.classifier(
                method.encoder(np.concatenate([flat, query[np.newaxis]]), training=True)
            )[-1]
            for query in queries
        ]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("count", "size"), [(6, 4), (5, 5), (5, 10), (3, 7)])
def test_rounds_hold_each_image_once(count, size):
    seed = tf.constant([3, 4])
    seen = np.concatenate([reptile._in_turn(count, size, k, seed) for k in range(6)])
    rounds = [list(seen[i : i + count]) for i in range(0, len(seen) - count + 1, count)]
    assert all(sorted(r) == list(range(count)) for r in rounds)
    assert count < 4 or len({tuple(r) for r in rounds}) > 1
    other = np.concatenate(
        [reptile._in_turn(count, size, k, tf.constant([3, 5])) for k in range(6)]
    )
    assert (other != seen).any()


@pytest.mark.parametrize(("shots", "size"), [(1, 5), (5, 15)])
def test_batches_at_test_are_the_codes(shots, size, monkeypatch):
    method = _method(shots=shots, reptile_test_batch=0)
    asked, turn = [], reptile._in_turn
    monkeypatch.setattr(
        reptile,
        "_in_turn",
        lambda count, s, *more: asked.append(s) or turn(count, s, *more),
    )
    method.scores_of_images(smooth.images(3, shots), smooth.images(2), "episode")
    assert set(asked) == {size}
