"""Reptile: a step against one unrolled by hand, its heads, its tasks."""

import dataclasses
import types

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf.encoders import backbone, encoder
from dimn_tf.methods import reptile
from dimn_tf.training import options as training_options
from tests.dimn_tf.methods import tiny
from tests.dimn_tf.training import tiny_run

LABELS = [4, 0, 7, 2]


def _unrolled(method, batch, steps, rate):
    """Encoder and head after k steps on each task, by Keras' layers and NumPy.

    Returns:
        theta~ of each task, and the mean loss of all steps.
    """
    variables = [*method.encoder.trainable_variables]
    if hasattr(method, "classifier"):
        variables += method.classifier.trainable_variables
    theta = [v.numpy() for v in variables]
    moments = [v.numpy() for v in method.second_moments.moments]
    step, ends, losses = int(method.optimizer.iterations) * 3 * steps, [], []
    for task in range(3):
        for variable, value in zip(variables, theta, strict=True):
            variable.assign(value)
        labels = batch["labels"][task]
        columns = method.columns_of(labels, task).numpy()
        for k in range(steps):
            with tf.GradientTape() as tape:
                features = method.encoder(batch["images"][task, :, k % 2])
                logits = method.classifier(features)
                log_p = tf.nn.log_softmax(logits)
                loss = -tf.reduce_mean(tf.gather(log_p, columns, batch_dims=1))
            gradients = [g.numpy() for g in tape.gradient(loss, variables)]
            losses.append(float(loss))
            step += 1
            for i, (variable, g) in enumerate(zip(variables, gradients, strict=True)):
                moments[i] = 0.999 * moments[i] + 0.001 * g**2
                unbiased = np.sqrt(moments[i] / (1 - 0.999**step))
                scale = np.sqrt(1 - 0.999**step)
                variable.assign_sub(rate * g / (unbiased + 1e-8 / scale))
        ends.append([v.numpy() for v in variables])
    for variable, value in zip(variables, theta, strict=True):
        variable.assign(value)
    return theta, ends, np.mean(losses), moments


@pytest.mark.parametrize("head", ["task", "identities"])
@pytest.mark.parametrize("steps", [1, 3])
def test_a_step_is_the_one_unrolled_by_hand(head, steps):
    method = tiny.method(
        "reptile",
        9,
        reptile_inner_steps=steps,
        reptile_inner_rate=0.02,
        reptile_step_start=0.5,
        reptile_head=head,
    )
    assert method.request.batches == 3 and method.request.images == 3 * 4 * 2
    step = tf.function(method.train_step)
    for number in range(2):  # The second one starts from moments that are kept.
        batch = tiny.batch_of(method, LABELS, seed=number)
        epsilon = 0.5 * (1 - number / 100)
        theta, ends, loss, moments = _unrolled(method, batch, steps, 0.02)
        logs = step(batch)
        assert float(logs["loss"]) == pytest.approx(loss, rel=1e-4)
        variables = [
            *method.encoder.trainable_variables,
            *method.classifier.trainable_variables,
        ]
        for i, variable in enumerate(variables):
            mean = np.mean([end[i] for end in ends], axis=0)
            expected = theta[i] + epsilon * (mean - theta[i])
            assert np.abs(expected - theta[i]).max() > 1e-4
            np.testing.assert_allclose(variable, expected, rtol=1e-3, atol=2e-6)
        for variable, expected in zip(
            method.second_moments.moments, moments, strict=True
        ):
            np.testing.assert_allclose(variable, expected, rtol=1e-3, atol=1e-9)


def test_identities_have_other_columns_in_each_task_and_step():
    method = tiny.method("reptile", 9)
    drawn = []
    for step in range(3):
        method.optimizer.iterations.assign(step)
        drawn += [tuple(method.columns_of(LABELS, task).numpy()) for task in range(3)]
    assert all(sorted(columns) == [0, 1, 2, 3] for columns in drawn)
    assert len(set(drawn)) > 4


def test_a_fresh_head_is_another_for_each_task_and_moves_nothing_that_is_kept():
    method = tiny.method("reptile", 9, reptile_head="fresh")
    assert not hasattr(method, "classifier")
    kernels = [method._fresh_head(task)[0].numpy() for task in range(2)]
    assert np.abs(kernels[0] - kernels[1]).max() > 0.1
    limit = (6 / (tiny.DIMENSION + 4)) ** 0.5
    assert 0.9 * limit < np.abs(kernels[0]).max() <= limit
    before = method.encoder.get_weights()
    method.train_step(tiny.batch_of(method, LABELS))
    after = method.encoder.get_weights()
    assert all(np.abs(a - b).max() > 0 for a, b in zip(before, after, strict=True))


def test_moving_averages_move_by_the_same_epsilon():
    images = np.random.default_rng(0).uniform(0, 255, (3, 4, 2, 16, 8, 3))
    found = []
    for epsilon in (1.0, 0.25):
        made = _with_batch_norm(epsilon)
        start = [v.numpy() for v in made.encoder.non_trainable_variables]
        made.train_step(
            {
                "images": tf.constant(images, tf.float32),
                "labels": tf.constant([LABELS] * 3),
            }
        )
        end = [v.numpy() for v in made.encoder.non_trainable_variables]
        found.append([b - a for a, b in zip(start, end, strict=True)])
    for whole, quarter in zip(*found, strict=True):
        assert np.abs(whole).max() > 1e-3
        np.testing.assert_allclose(quarter, 0.25 * whole, rtol=1e-3, atol=1e-6)


def _with_batch_norm(epsilon):
    network = tiny_run.network(16, 8, 1.0, None, 0.9, True, 2)
    kind = backbone.Backbone(tiny_run.network, backbone.minus_one_to_one, (2,))
    options = reptile.Reptile.Options(reptile_step_start=epsilon)
    for layer in network.layers[1:2]:
        rng = np.random.default_rng(0)
        layer.set_weights([rng.normal(0, 0.3, w.shape) for w in layer.get_weights()])
    made = reptile.Reptile(encoder.Encoder(network, kind), options)
    made.build_training(tiny.labels(9), tiny.request("reptile", {}))
    made.compile(optimizer=made.own_optimizer(100), jit_compile=False)
    made.optimizer.build(made.trainable_variables)
    return made


def test_a_step_has_a_task_of_each_source():
    data = training_options.DataOptions(sources=("a", "b", "c", "d", "e"))
    request = reptile.Reptile.batch_request(data, reptile.Reptile.Options())
    assert (request.batches, request.domain_sampling) == (5, "each")
    assert request.images == 5 * 32 * 2
    alone = dataclasses.replace(data, sources=("a",))
    assert reptile.Reptile.batch_request(alone, reptile.Reptile.Options()).batches == 1


def test_epsilon_falls_linearly_to_its_end():
    method = tiny.method("reptile", 9, reptile_step_start=0.8, reptile_step_end=0.2)
    for step, expected in ((0, 0.8), (50, 0.5), (100, 0.2)):
        method.optimizer.iterations.assign(step)
        assert float(method.optimizer.learning_rate) == pytest.approx(expected)


def test_what_no_inner_step_moves_stays_to_the_last_bit():
    """A mean of three equal numbers is another one in 15 % of cases."""
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    kept, moved = tf.Variable(values), tf.Variable(values)
    stub = types.SimpleNamespace(
        _fast=types.SimpleNamespace(statistics=[kept, moved], variables=[]),
        optimizer=types.SimpleNamespace(
            learning_rate=0.3, apply_gradients=lambda pairs: None
        ),
    )
    old = tf.constant(values)
    of_tasks = [([], [old, old + change]) for change in (0.0, 1.0, 2.0)]
    reptile.Reptile._outer_step(stub, [], [old, old], of_tasks)
    np.testing.assert_array_equal(kept.numpy(), values)
    np.testing.assert_allclose(moved.numpy(), values + 0.3, rtol=1e-5, atol=1e-6)
