"""The neck against a literal batch norm without shift."""

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf.encoders import neck


@pytest.fixture
def layer():
    made = neck.Neck(momentum=0.75, epsilon=0.01, name="neck")
    made.build((None, 4))
    made.set_weights(
        np.array([[1.0, 2.0, 0.5, -1.0], [0.0, 1.0, 2.0, 3.0], [1.0, 4.0, 0.5, 2]])
    )
    return made


def test_in_training_by_the_batch_and_the_averages_move(layer):
    features = np.random.default_rng(0).normal(3, 2, (7, 4)).astype(np.float32)
    gamma, moving_mean, moving_variance = layer.get_weights()
    mean, variance = features.mean(axis=0), features.var(axis=0)
    found = layer(features, training=True)
    expected = gamma * (features - mean) / np.sqrt(variance + 0.01)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert [v.path.split("/")[-1] for v in layer.trainable_variables] == ["gamma"]
    _, after_mean, after_variance = layer.get_weights()
    np.testing.assert_allclose(after_mean, 0.75 * moving_mean + 0.25 * mean, rtol=1e-5)
    np.testing.assert_allclose(
        after_variance, 0.75 * moving_variance + 0.25 * variance, rtol=1e-5
    )


def test_at_test_by_the_averages_and_alike_at_each_place(layer):
    maps = np.random.default_rng(1).normal(3, 2, (2, 3, 2, 4)).astype(np.float32)
    gamma, mean, variance = layer.get_weights()
    pooled = maps.mean(axis=(1, 2))
    found = layer(pooled)
    np.testing.assert_allclose(
        found, gamma * (pooled - mean) / np.sqrt(variance + 0.01), atol=1e-5
    )
    of_places = layer.of_places(maps)
    assert of_places.shape == maps.shape
    np.testing.assert_allclose(tf.reduce_mean(of_places, axis=(1, 2)), found, atol=1e-5)
    np.testing.assert_array_equal(layer.get_weights()[1], mean)


def test_it_has_no_shift_and_computes_in_float32(layer):
    again = neck.Neck.from_config(layer.get_config())
    again.build((None, 4))
    assert len(again.variables) == 3 and again.momentum == 0.75
    assert again(tf.zeros((2, 4), tf.bfloat16)).dtype == tf.float32
