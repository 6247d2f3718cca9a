"""The fused batch norm against Keras' own, values, gradients and statistics."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf.encoders import fused_batch_norm


def _pair(momentum=0.9):
    """A stock layer and a fused one with the same made-up weights."""
    rng = np.random.default_rng(0)
    weights = [rng.uniform(0.5, 2.0, 5).astype(np.float32) for _ in range(4)]
    layers = []
    for kind in (
        keras.layers.BatchNormalization,
        fused_batch_norm.FusedBatchNormalization,
    ):
        layer = kind(momentum=momentum, epsilon=1e-3)
        layer.build((None, 4, 3, 5))
        layer.set_weights(weights)
        layers.append(layer)
    return layers


def _images(n=3):
    rng = np.random.default_rng(1)
    return tf.constant(rng.normal(2.0, 3.0, (n, 4, 3, 5)), tf.float32)


@pytest.mark.parametrize("training", [True, False])
def test_outputs_gradients_and_statistics_equal_the_stock_layer(training):
    stock, fused = _pair()
    images = _images()
    results = []
    for layer in (stock, fused):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images, training=training)
            loss = tf.reduce_sum(tf.sin(outputs))
        gradients = tape.gradient(
            loss, [images, *(v.value for v in layer.trainable_variables)]
        )
        results.append([outputs, *gradients, *layer.get_weights()])
    assert len(results[0]) == 1 + 3 + 4
    for expected, actual in zip(*results, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


def test_moving_variance_is_the_biased_one():
    _, fused = _pair(momentum=0.0)
    images = _images(n=1)
    fused(images, training=True)
    expected = np.var(images.numpy(), axis=(0, 1, 2))
    np.testing.assert_allclose(fused.moving_variance, expected, rtol=1e-4)


def test_frozen_layer_keeps_its_statistics():
    _, fused = _pair()
    fused.trainable = False
    before = fused.get_weights()
    fused(_images(), training=True)
    np.testing.assert_array_equal(fused.get_weights(), before)


def test_half_inputs_keep_float32_statistics():
    layer = fused_batch_norm.FusedBatchNormalization(dtype="mixed_float16")
    outputs = layer(tf.cast(_images(), tf.float16), training=True)
    assert outputs.dtype == tf.float16
    assert layer.moving_mean.dtype == "float32"


def test_rebuilt_model_keeps_names_and_order_of_weights():
    stock = keras.applications.MobileNetV2(
        (32, 32, 3), alpha=0.35, include_top=False, weights=None
    )
    fused = fused_batch_norm.fuse_batch_norm(stock, momentum=0.7)
    names = [v.path for v in stock.variables]
    assert [v.path for v in fused.variables] == names
    assert len(names) == 260
    kinds = [type(layer) for layer in fused.layers]
    assert keras.layers.BatchNormalization not in kinds
    norms = [
        layer
        for layer in fused.layers
        if isinstance(layer, fused_batch_norm.FusedBatchNormalization)
    ]
    assert len(norms) == 52
    assert {layer.momentum for layer in norms} == {0.7}


def test_unfit_inputs_are_refused():
    with pytest.raises(ValueError, match="n, h, w, c"):
        fused_batch_norm.FusedBatchNormalization()(tf.zeros([2, 5]))
    for other in (
        {"scale": False}, {"synchronized": True}, {"renorm": True}
    ):  # fmt: skip
        with pytest.raises(ValueError, match="scale=True"):
            fused_batch_norm.FusedBatchNormalization(**other)(tf.zeros([2, 4, 4, 5]))


@pytest.mark.parametrize("training", [True, False])
def test_without_a_shift_it_is_the_stock_layer_too(training):
    rng = np.random.default_rng(0)
    weights, found = [rng.uniform(0.5, 2.0, 5) for _ in range(3)], []
    images = _images()
    for kind in (
        keras.layers.BatchNormalization,
        fused_batch_norm.FusedBatchNormalization,
    ):
        layer = kind(center=False)
        layer.build((None, 4, 3, 5))
        layer.set_weights(weights)
        found.append([layer(images, training=training), *layer.get_weights()])
    for expected, actual in zip(*found, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)
