"""The four-block network: shapes, weights, and a block by hand."""

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import encoders, errors
from dimn_tf.encoders import conv4


@pytest.mark.parametrize(
    ("name", "width", "dimension", "weights"),
    [
        ("conv4", 1.0, 1600, 113_088),
        ("conv4", 0.5, 800, 28_896),
        ("conv4_mean", 1.0, 64, 113_088),
    ],
)
def test_features_of_the_published_sizes(name, width, dimension, weights):
    made = encoders.build_encoder(name, 84, 84, width)
    assert made.feature_dimension == dimension
    assert made(np.zeros((2, 84, 84, 3), np.float32)).shape == (2, dimension)
    # Convolutions with bias, batch norm with scale and shift.
    assert sum(int(np.prod(v.shape)) for v in made.trainable_variables) == weights


def test_a_feature_is_the_maps_or_their_means():
    images = np.random.default_rng(0).uniform(0, 255, (2, 40, 36, 3)).astype("float32")
    flat, mean = (
        encoders.build_encoder(name, 40, 36, 0.125) for name in ("conv4", "conv4_mean")
    )
    mean.backbone.set_weights(flat.backbone.get_weights())
    maps = flat.feature_maps(images)
    assert maps.shape == (2, 2, 2, 8)
    np.testing.assert_array_equal(flat(images), tf.reshape(maps, (2, 32)))
    np.testing.assert_allclose(mean(images), tf.reduce_mean(maps, (1, 2)), rtol=1e-5)


def test_a_block_is_convolution_norm_rectifier_and_pooling():
    made = encoders.build_encoder("conv4", 16, 16, 1 / 64)
    rng = np.random.default_rng(0)
    made.backbone.set_weights(
        [rng.uniform(0.2, 1, w.shape) for w in made.backbone.get_weights()]
    )
    images = rng.uniform(0, 255, (1, 16, 16, 3)).astype(np.float32)
    hidden = images / 255
    for i in range(1, 5):
        kernel, bias = made.backbone.get_layer(f"block_{i}_convolution").get_weights()
        gamma, beta, mean, variance = made.backbone.get_layer(
            f"block_{i}_norm"
        ).get_weights()
        size, channels = hidden.shape[1], hidden.shape[3]
        padded = np.pad(hidden[0], ((1, 1), (1, 1), (0, 0)))
        outputs = np.zeros((size, size))
        for y in range(size):
            for x in range(size):
                window = padded[y : y + 3, x : x + 3]
                outputs[y, x] = (window * kernel[..., 0]).sum() + bias[0]
        assert kernel.shape == (3, 3, channels, 1)
        outputs = gamma[0] * (outputs - mean[0]) / np.sqrt(variance[0] + 1e-3) + beta[0]
        outputs = np.maximum(outputs, 0)
        half = size // 2
        outputs = outputs.reshape(half, 2, half, 2).max(axis=(1, 3))
        hidden = outputs[np.newaxis, :, :, np.newaxis]
    np.testing.assert_allclose(made(images), hidden.reshape(1, 1), rtol=1e-4)


def test_what_cannot_be_had_is_refused(tmp_path):
    with pytest.raises(errors.UserError, match="0 filters and images of 84 x 84"):
        encoders.build_encoder("conv4", 84, 84, 0.001)
    with pytest.raises(errors.UserError, match="64 filters and images of 84 x 15"):
        encoders.build_encoder("conv4", 84, 15)
    with pytest.raises(errors.UserError, match="conv4 has no weights to start from"):
        encoders.build_encoder("conv4", 84, 84, weights="imagenet")
    assert conv4.zero_to_one(np.array([0.0, 255.0])).tolist() == [0, 1]
