"""Encoders by name: shapes, preprocessing, weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import encoders, errors
from dimn_tf.encoders import backbone, encoder, weight_files
from tests.dimn_tf.export import made_up


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


def test_mobilenet_trains_in_half_precision_and_gives_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        encoder = _build()
    finally:
        keras.config.set_dtype_policy("float32")
    images = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype("float32")
    with tf.GradientTape() as tape:
        features = encoder(images, training=True)
        loss = tf.reduce_sum(features**2)
    gradients = tape.gradient(loss, encoder.trainable_variables)
    assert features.dtype == "float32" and np.isfinite(loss) and loss > 0
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert {layer.compute_dtype for layer in encoder.backbone.layers} == {"bfloat16"}
    assert {weight.dtype for weight in encoder.weights} == {"float32"}


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


def _up_to(built, layer, images):
    """What comes out of a layer of an encoder's network."""
    network = built.backbone
    part = keras.Model(network.input, network.get_layer(layer).output)
    return part(images / 127.5 - 1).numpy()


def test_stride_16_is_the_same_net_on_a_finer_map():
    coarse, fine = _build(height=64), _build(height=64, stride=16)
    made_up.shake(coarse.backbone)  # Else the activations fade to nothing.
    fine.set_weights(coarse.get_weights())
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 32, 3)).astype("float32")
    assert coarse.feature_maps(images).shape[1:3] == (2, 1)
    assert fine.feature_maps(images).shape[1:3] == (4, 2)
    # Up to the stride that is left out both are one net.
    before = [_up_to(e, "block_13_expand_relu", images) for e in (coarse, fine)]
    assert np.ptp(before[0]) > 0.1
    np.testing.assert_allclose(*before, rtol=1e-5, atol=1e-6)
    # The block's convolution of stride 1 sees at every second place what the other saw.
    after = [_up_to(e, "block_13_depthwise", images) for e in (coarse, fine)]
    np.testing.assert_allclose(after[0], after[1][:, 1::2, 1::2], rtol=1e-4, atol=1e-5)
    with pytest.raises(errors.UserError, match="--encoder_stride=8: .* has 32 and 16"):
        _build(stride=8)


def test_a_backbone_owns_its_preprocessing_and_pooling():
    images = keras.Input((4, 2, 3))
    kind = backbone.Backbone(
        build=lambda **_: keras.Model(images, keras.layers.ReLU()(images)),
        preprocess=lambda pixels: pixels / 255.0,
        strides=(1,),
        pooling=lambda: keras.layers.GlobalMaxPooling2D(),
    )
    made = encoder.Encoder(kind.build(), kind)
    pixels = np.random.default_rng(0).uniform(0, 255, (3, 4, 2, 3)).astype("float32")
    expected = pixels.max(axis=(1, 2)) / 255.0
    np.testing.assert_allclose(made(pixels), expected, rtol=1e-5)
    other = made.with_network(kind.build(), "other")
    np.testing.assert_allclose(other(pixels), expected, rtol=1e-5)
