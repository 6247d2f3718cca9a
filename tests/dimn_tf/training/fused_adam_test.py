"""The fused Adam against Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf.training import fused_adam


def _trained(kind, steps=25, **kwargs):
    rng = np.random.default_rng(0)
    variables = [
        keras.Variable(rng.normal(size=shape).astype("float32"), name=f"v{i}")
        for i, shape in enumerate([(7, 5), (3,)])
    ]
    optimizer = kind(
        keras.optimizers.schedules.ExponentialDecay(0.05, 10, 0.5), **kwargs
    )
    optimizer.build(variables)

    @tf.function
    def step(scale):
        gradients = [scale * v.value + tf.sin(3.0 * v.value) for v in variables]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    for i in range(steps):
        step(tf.constant(1.0 + i % 3))
    return variables + optimizer.variables


@pytest.mark.parametrize(
    "kwargs", [{}, {"weight_decay": 0.1, "epsilon": 1e-3}, {"amsgrad": True}]
)
def test_variables_and_moments_equal_keras_adam(kwargs):
    expected = _trained(keras.optimizers.Adam, **kwargs)
    actual = _trained(fused_adam.FusedAdam, **kwargs)
    assert [v.name for v in actual] == [v.name for v in expected]
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("amsgrad", [False, True])
def test_one_kernel_updates_a_variable(amsgrad):
    variables = [keras.Variable(np.ones(shape, "float32")) for shape in ((2, 3), (4,))]
    optimizer = fused_adam.FusedAdam(0.1, amsgrad=amsgrad)
    optimizer.build(variables)

    @tf.function
    def step():
        gradients = [tf.ones(variable.shape) for variable in variables]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    graph = step.get_concrete_function().graph
    kinds = [operation.type for operation in graph.get_operations()]
    # TensorFlow's has no amsgrad.
    assert kinds.count("ResourceApplyAdam") == (0 if amsgrad else 2)


def test_sparse_gradients_take_the_parents_way():
    table = keras.Variable(np.ones((4, 2), "float32"))
    optimizer = fused_adam.FusedAdam(0.1)
    optimizer.build([table])
    rows = tf.IndexedSlices(tf.ones((1, 2)), tf.constant([2]), tf.constant([4, 2]))
    optimizer.apply_gradients([(rows, table)])
    np.testing.assert_allclose(table.numpy()[2], 0.9, rtol=1e-4)
    np.testing.assert_array_equal(table.numpy()[[0, 1, 3]], 1.0)


def test_a_variable_counted_from_a_step_is_trained_as_by_an_adam_of_its_own():
    rate, start = 0.05, np.ones(3, "float32")
    first, later, alone = (keras.Variable(start, name=n) for n in ("f", "l", "a"))
    both = fused_adam.FusedAdam(rate)
    own = keras.optimizers.Adam(rate)
    both.build([first, later])
    own.build([alone])
    both.count_from(later, 200)
    both.count_from(later, 210)  # A phase after the one that it is trained from.

    def step(optimizer, variable, scale):
        gradient = scale * variable.value + tf.sin(3.0 * variable.value)
        optimizer.apply_gradients([(gradient, variable)])

    for i in range(230):
        step(both, first if i < 200 else later, 1.0 + i % 3)
        if i >= 200:
            step(own, alone, 1.0 + i % 3)
        if i == 200:  # Adam's first step is the rate, whatever the gradient.
            np.testing.assert_allclose(later.numpy(), start - rate, rtol=1e-4)
    np.testing.assert_allclose(later.numpy(), alone.numpy(), rtol=1e-4, atol=1e-5)
