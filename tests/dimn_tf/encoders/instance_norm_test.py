"""Instance norm against a literal one: values, first and second derivatives."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf.encoders import instance_norm

EPSILON = 1e-2


def _layer(**kwargs):
    layer = instance_norm.InstanceNormalization(epsilon=EPSILON, **kwargs)
    layer.build((None, 4, 3, 5))
    rng = np.random.default_rng(0)
    layer.set_weights([rng.uniform(-2, 2, 5), rng.uniform(-1, 1, 5)])
    return layer


def _images(n=3):
    rng = np.random.default_rng(1)
    # Each image has a brightness and a contrast of its own.
    by_image = rng.uniform(0.5, 4, (n, 1, 1, 1))
    return (rng.normal(2.0, 1.0, (n, 4, 3, 5)) * by_image).astype(np.float32)


def _literal(images, gamma, beta):
    """One image and one channel at a time."""
    found = np.empty_like(images)
    for n in range(images.shape[0]):
        for c in range(images.shape[3]):
            x = images[n, :, :, c].astype(np.float64)
            mean = x.sum() / 12
            variance = ((x - mean) ** 2).sum() / 12
            found[n, :, :, c] = gamma[c] * (x - mean) / np.sqrt(variance + EPSILON)
            found[n, :, :, c] += beta[c]
    return found


@pytest.mark.parametrize("training", [True, False])
def test_each_image_and_channel_by_itself(training):
    layer, images = _layer(), _images()
    gamma, beta = layer.get_weights()
    assert gamma.shape == beta.shape == (5,) and gamma.min() < 0 < gamma.max()
    found = layer(images, training=training)
    np.testing.assert_allclose(found, _literal(images, gamma, beta), atol=2e-6)
    # An image's values do not hang on the others of its batch.
    alone = layer(images[1:2], training=training)
    np.testing.assert_allclose(found[1:2], alone, atol=1e-6)


def test_contrast_and_brightness_of_an_image_are_forgotten():
    layer = instance_norm.InstanceNormalization(epsilon=0.0)
    images = _images()
    found = layer(images, training=True)
    np.testing.assert_allclose(
        layer(3.0 * images - 7.0, training=True), found, atol=1e-4
    )


def test_both_ways_have_the_same_gradients_of_both_orders():
    layer, images = _layer(), tf.constant(_images())
    towards = tf.constant(
        np.random.default_rng(2).normal(size=images.shape), tf.float32
    )

    def derivatives(training):
        watched = [images, *(v.value for v in layer.trainable_variables)]
        with tf.GradientTape() as outer:
            outer.watch(images)
            with tf.GradientTape() as inner:
                inner.watch(images)
                loss = tf.reduce_sum(tf.sin(layer(images, training=training)))
            first = inner.gradient(loss, watched)
            along = tf.reduce_sum(first[0] * towards)
        return [*first, *outer.gradient(along, watched)]

    fused, elementary = derivatives(True), derivatives(False)
    assert len(fused) == 6
    for found, expected in zip(fused, elementary, strict=True):
        assert np.abs(expected).max() > 0.01
        np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("training", [True, False])
def test_half_inputs_have_float32_statistics(training):
    layer = _layer(dtype="mixed_bfloat16")
    images = tf.cast(_images() + 100.0, tf.bfloat16)
    found = layer(images, training=training)
    assert found.dtype == tf.bfloat16 and layer.gamma.dtype == "float32"
    gamma, beta = layer.get_weights()
    expected = _literal(images.numpy().astype(np.float32), gamma, beta)
    np.testing.assert_allclose(tf.cast(found, tf.float32), expected, atol=0.03)


@pytest.mark.parametrize("training", [True, False])
def test_half_inputs_have_float32_scales(training):
    """1.003 would be 1 in bfloat16; what is rounded, the outputs are."""

    def size(gamma):
        layer = instance_norm.InstanceNormalization(dtype="mixed_bfloat16")
        layer.build((None, 4, 3, 5))
        layer.set_weights([np.full(5, gamma), np.zeros(5)])
        images = tf.cast(_images(40), tf.bfloat16)
        found = tf.cast(layer(images, training=training), tf.float32)
        return float(tf.reduce_mean(tf.abs(found)))

    assert size(1.003) / size(1.0) == pytest.approx(1.003, abs=5e-4)


def test_a_layer_is_made_again_from_its_configuration():
    config = _layer(name="some").get_config()
    again = instance_norm.InstanceNormalization.from_config(config)
    assert again.name == "some" and again.epsilon == EPSILON
    model = keras.Sequential([keras.Input((4, 3, 5)), _layer(name="some")])
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    images = _images()
    np.testing.assert_array_equal(copy(images), model(images))
