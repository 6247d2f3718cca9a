"""MAML: its gradient against finite differences, with batch norm; its inner steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import encoders
from dimn_tf.fewshot import maml, meta_lstm
from tests.dimn_tf.fewshot import smooth
from tests.dimn_tf.methods import descent


def _method(**options):
    given = {
        "ways": 3, "train_ways": 3, "shots": 2, "train_queries": 2, "tasks": 2,
        "maml_inner_rate": 0.4, "maml_inner_steps": 2, "maml_clip": 1e9, **options,
    }  # fmt: skip
    method = smooth.method(maml.MAML, **given)
    rng = np.random.default_rng(3)
    method.classifier.kernel.assign(rng.normal(0, 0.8, method.classifier.kernel.shape))
    method.compile(optimizer=keras.optimizers.SGD(1.0), jit_compile=False)
    return method


def _literal_loss(method, batch, steps):
    """The queries' mean loss after inner steps done by the layers themselves."""
    method.optimizer.iterations.assign(0)
    variables = method.trainable_variables
    start = [v.numpy() for v in variables]
    losses = []
    for support, queries in method.tasks_of(batch):
        flat = tf.reshape(support, (6, *support.shape[2:]))
        for _ in range(steps):
            with tf.GradientTape() as tape:
                logits = method.classifier(method.encoder(flat, training=True))
                log_p = tf.nn.log_softmax(logits)
                # N times the mean: the sum, of each class the mean over its K images.
                loss = -tf.add_n(
                    [log_p[2 * n + k, n] for n in range(3) for k in range(2)]
                ) / 2  # fmt: skip
            for variable, g in zip(
                variables, tape.gradient(loss, variables), strict=True
            ):
                if "gamma" not in variable.path and "beta" not in variable.path:
                    variable.assign_sub(method.options.maml_inner_rate * g)
        logits = method.classifier(method.encoder(queries, training=True))
        labels = np.repeat(np.arange(3), 2)
        losses.append(smooth.cross_entropy(logits, labels).mean())
        for variable, value in zip(variables, start, strict=True):
            variable.assign(value)
    return np.mean(losses)


def test_the_loss_is_that_after_inner_steps_by_hand():
    method = _method()
    batch = smooth.batch(method)
    logs, _ = descent.step(method, batch)
    for steps, same in ((2, True), (1, False)):
        expected = _literal_loss(method, batch, steps)
        assert (float(logs["loss"]) == pytest.approx(expected, rel=1e-4)) == same


def test_the_gradient_goes_through_the_inner_steps():
    method = _method()
    batch = smooth.batch(method)
    _, gradient = descent.step(method, batch)
    _, first = descent.step(_method(maml_first_order=True), batch)
    rng, told_apart = np.random.default_rng(1), False
    for _ in range(4):
        direction = descent.direction_like(gradient, rng)
        expected = descent.finite_difference(method, batch, direction, h=3e-3)
        found, of_first = (descent.along(some, direction) for some in (gradient, first))
        assert found == pytest.approx(expected, rel=5e-3, abs=5e-4)
        told_apart |= abs(of_first - expected) > 0.05 * abs(expected) + 5e-3
    assert told_apart


def test_the_first_order_gradient_is_the_one_at_the_adapted_weights():
    method = _method(maml_first_order=True, tasks=1, maml_inner_steps=1)
    batch = smooth.batch(method)
    _, found = descent.step(method, batch)
    method.optimizer.iterations.assign(0)
    ((support, queries),) = method.tasks_of(batch)
    adapted = method.adapted(support, 1, True)
    variables = method.trainable_variables
    for variable, value in zip(variables, adapted, strict=True):
        variable.assign(value)
    with tf.GradientTape() as tape:
        logits = method.classifier(method.encoder(queries, training=True))
        log_p = tf.nn.log_softmax(logits)
        labels = np.repeat(np.arange(3), 2)
        loss = -tf.reduce_mean(tf.gather(log_p, labels, batch_dims=1))
    for a, b in zip(found, tape.gradient(loss, variables), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-5)


def test_the_outer_gradient_is_clipped():
    loose, tight = _method(), _method(maml_clip=0.01)
    batch = smooth.batch(loose)
    _, whole = descent.step(loose, batch)
    _, clipped = descent.step(tight, batch)
    assert max(np.abs(g).max() for g in whole) > 0.05
    for a, b in zip(whole, clipped, strict=True):
        np.testing.assert_allclose(b, np.clip(a, -0.01, 0.01), atol=1e-5)


def test_no_moving_average_moves():
    method = _method()
    before = [v.numpy() for v in method.encoder.non_trainable_variables]
    descent.step(method, smooth.batch(method))
    for old, v in zip(before, method.encoder.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(v, old)


def test_at_test_more_steps_and_queries_together_or_one_by_one():
    method = _method(maml_test_steps=3)
    support, queries = smooth.images(3, 2, seed=5), smooth.images(4, seed=6)
    weights = method.adapted(tf.constant(support), 3, True)
    together = method.episode_scores(support, queries, "episode")
    np.testing.assert_allclose(
        together, method.logits(tf.constant(queries), weights), rtol=1e-4, atol=1e-5
    )
    each = method.episode_scores(support, queries, "query")
    for m in range(4):
        both = np.concatenate(
            [support.reshape(6, *queries.shape[1:]), queries[m : m + 1]]
        )
        expected = method.logits(tf.constant(both), weights)[-1]
        np.testing.assert_allclose(each[m], expected, rtol=1e-4, atol=1e-5)
    # Transductive: a query's scores hang on the others.
    alone = method.episode_scores(support, queries[:2], "episode")
    assert np.abs(alone - together[:2]).max() > 1e-2
    fewer = method.episode_scores(support, queries[:2], "query")
    np.testing.assert_allclose(fewer, each[:2], rtol=1e-4, atol=1e-5)


def test_no_norm_takes_inner_steps():
    """Neither instance norms nor a neck: their scales are part of theta alone."""
    encoder = encoders.build_encoder(
        "mobilenet_v2", height=32, width=32, width_multiplier=0.35,
        instance_norm_through="block_0", neck=True,
    )  # fmt: skip
    given = {"ways": 3, "train_ways": 3, "shots": 1, "train_queries": 1, "tasks": 1}
    method = maml.MAML(encoder, maml.MAMLOptions(**given))
    still = {
        variable.path
        for variable, moves in zip(method._fast.variables, method._adapted, strict=True)
        if not moves
    }
    scales = {v.path for v in encoder.trainable_variables if "kernel" not in v.path}
    assert still == scales and "neck/gamma" in still
    assert sum("instance" in path for path in still) >= 2


@pytest.mark.parametrize("kind", [maml.MAML, meta_lstm.MetaLSTM])
def test_the_output_layer_may_begin_with_zeros(kind):
    given = {"ways": 3, "train_ways": 3, "shots": 2, "train_queries": 2, "tasks": 1}
    started, zero = (smooth.method(kind, zero_output=z, **given) for z in (False, True))
    assert np.abs(started.classifier.kernel.numpy()).min() > 0
    assert not np.any(zero.classifier.kernel.numpy())
    # All classes are alike before the first inner step, and none after it.
    batch = smooth.batch(zero)
    loss = tf.function(zero.train_step)(batch)["loss"]
    assert np.isfinite(float(loss))
    assert np.abs(zero.classifier.kernel.numpy()).max() > 0
