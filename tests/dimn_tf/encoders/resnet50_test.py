"""ResNet-50: Keras' graph and colours, the last stage's stride, its one width."""

import keras
import numpy as np
import pytest

from dimn_tf import encoders, errors
from dimn_tf.encoders import resnet50
from tests.dimn_tf.export import made_up


def _build(**kwargs):
    return encoders.build_encoder("resnet50", **{"height": 64, "width": 32, **kwargs})


def _images(seed=0):
    values = np.random.default_rng(seed).uniform(0, 255, (2, 64, 32, 3))
    return values.astype("float32")


def test_colours_are_those_of_keras_applications():
    expected = keras.applications.resnet50.preprocess_input(_images())
    np.testing.assert_allclose(
        resnet50.caffe_colours(_images()), expected, rtol=1e-6, atol=1e-4
    )


@pytest.mark.slow
def test_a_stock_weights_file_gives_the_stock_features(tmp_path):
    stock = keras.applications.ResNet50(
        include_top=False, weights=None, input_shape=(64, 32, 3)
    )
    made_up.shake(stock)
    path = str(tmp_path / "stock.weights.h5")
    stock.save_weights(path)
    made = _build(weights=path)
    assert made.feature_dimension == 2048
    expected = stock(keras.applications.resnet50.preprocess_input(_images())).numpy()
    assert expected.shape == (2, 2, 1, 2048) and np.ptp(expected) > 0
    found = made(_images()).numpy()
    np.testing.assert_allclose(
        found, expected.mean(axis=(1, 2)), rtol=1e-3, atol=1e-3 * np.ptp(expected)
    )


@pytest.mark.slow
def test_stride_16_is_the_same_net_on_a_finer_map():
    coarse, fine = _build(), _build(stride=16)
    made_up.shake(coarse.backbone)
    fine.set_weights(coarse.get_weights())
    assert coarse.feature_maps(_images()).shape == (2, 2, 1, 2048)
    assert fine.feature_maps(_images()).shape == (2, 4, 2, 2048)
    for layer in ("conv5_block1_1_conv", "conv5_block1_0_conv"):
        found = []
        for made in (coarse, fine):
            part = keras.Model(
                made.backbone.input, made.backbone.get_layer(layer).output
            )
            found.append(part(resnet50.caffe_colours(_images())).numpy())
        assert np.ptp(found[0]) > 0
        # A 1x1 convolution of stride 2 takes every second place.
        np.testing.assert_allclose(
            found[0], found[1][:, ::2, ::2], rtol=1e-3, atol=1e-3
        )


def test_another_width_is_refused(tmp_path):
    for weights in ("none", "imagenet"):
        with pytest.raises(errors.UserError, match="--encoder_width=1.4: resnet50 has"):
            _build(width_multiplier=1.4, weights=weights)
