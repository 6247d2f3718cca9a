"""Encoders by name: shapes, preprocessing, weights."""

import keras
import numpy as np
import pytest

from dimn_tf import encoders, errors
from dimn_tf.encoders import weight_files


def _build(**kwargs):
    arguments = {"height": 32, "width": 32, "width_multiplier": 0.35, **kwargs}
    return encoders.build_encoder("mobilenet_v2", **arguments)


def test_feature_dimension_of_the_paper():
    encoder = _build(width_multiplier=1.4)
    assert encoder.feature_dimension == 1792
    assert encoder(np.zeros([2, 32, 32, 3], np.float32)).shape == (2, 1792)


def test_images_are_scaled_as_keras_applications_does_and_pooled():
    encoder = _build()
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    scaled = keras.applications.mobilenet_v2.preprocess_input(images.copy())
    expected = encoder.backbone(scaled).numpy().mean(axis=(1, 2))
    np.testing.assert_allclose(encoder(images), expected, rtol=1e-4, atol=1e-5)


def test_a_stock_weights_file_gives_the_stock_features(tmp_path):
    stock = keras.applications.MobileNetV2(
        (32, 32, 3), alpha=0.35, include_top=False, weights=None
    )
    path = str(tmp_path / "stock.weights.h5")
    rng = np.random.default_rng(0)
    stock.set_weights([rng.uniform(0.1, 0.5, w.shape) for w in stock.get_weights()])
    stock.save_weights(path)
    images = rng.uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    expected = stock(images / 127.5 - 1.0).numpy()
    for fused in (True, False):
        encoder = _build(weights=path, fused_batch_norm=fused)
        actual = encoder.backbone(images / 127.5 - 1.0).numpy()
        np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)


def test_batch_norm_momentum_reaches_every_layer():
    for fused in (True, False):
        backbone = _build(batch_norm_momentum=0.8, fused_batch_norm=fused).backbone
        momenta = {
            layer.momentum
            for layer in backbone.layers
            if isinstance(layer, keras.layers.BatchNormalization)
        }
        assert momenta == {0.8}


def test_weights_of_another_width_are_refused(tmp_path):
    path = str(tmp_path / "wide.weights.h5")
    keras.applications.MobileNetV2(
        (32, 32, 3), alpha=0.5, include_top=False, weights=None
    ).save_weights(path)
    with pytest.raises(errors.UserError, match="--encoder_weights=.*width 0.35"):
        _build(weights=path)


def test_missing_weights_and_unknown_names_are_named(tmp_path):
    with pytest.raises(errors.UserError, match="no such file.*absent.h5"):
        _build(weights=str(tmp_path / "absent.h5"))
    with pytest.raises(errors.UserError, match="resnet_9.*Known: mobilenet_v2"):
        encoders.build_encoder("resnet_9", height=32, width=32)


def test_real_weights_give_the_stock_features(shared_dir):
    path = str(shared_dir / "weights" / "mobilenet_v2_1.0.weights.h5")
    stock = keras.applications.MobileNetV2((64, 32, 3), include_top=False, weights=None)
    weight_files.load(stock, path)
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 32, 3)).astype("float32")
    expected = stock(images / 127.5 - 1.0).numpy().mean(axis=(1, 2))
    encoder = _build(height=64, width=32, width_multiplier=1.0, weights=path)
    np.testing.assert_allclose(encoder(images), expected, rtol=1e-3, atol=1e-4)
    assert expected.max() > 0.1
