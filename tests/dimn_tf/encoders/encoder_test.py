"""Encoders by name: shapes, preprocessing, weights."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import encoders, errors
from dimn_tf.encoders import backbone, encoder, mobilenet_v2, weight_files
from tests.dimn_tf.export import made_up


def _build(**kwargs):
    arguments = {"height": 32, "width": 32, "width_multiplier": 0.35, **kwargs}
    return encoders.build_encoder("mobilenet_v2", **arguments)


@pytest.fixture
def asked(monkeypatch):
    """What the backbone `other` was asked for, the newest last."""
    asked = []

    def build(**options):
        asked.append(options)
        if options["width"] == 13:
            raise Exception("no such width\nand more of it")
        images = keras.Input((options["height"], options["width"], 3))
        return keras.Model(images, keras.layers.ReLU()(images))

    kind = backbone.Backbone(
        build, backbone.minus_one_to_one, (8, 4), weights_hint=" and luck"
    )
    monkeypatch.setitem(encoder.BACKBONES, "other", kind)
    return asked


def test_a_backbone_is_asked_for_what_is_said(asked, tmp_path):
    path = tmp_path / "some.weights.h5"
    path.touch()
    made = encoders.build_encoder("other", 4, 2)
    assert made.name == "encoder" and made.kind is encoder.BACKBONES["other"]
    assert asked[-1] == {
        "height": 4,
        "width": 2,
        "width_multiplier": 1.0,
        "weights": None,
        "batch_norm_momentum": 0.99,
        "fused": True,
        "stride": 8,
    }
    encoders.build_encoder("other", 6, 5, 0.5, "imagenet", 0.75, False, 4)
    assert list(asked[-1].values()) == [6, 5, 0.5, "imagenet", 0.75, False, 4]
    encoders.build_encoder("other", 6, 5, weights=str(path))
    assert asked[-1]["weights"] == str(path)


def test_what_cannot_be_had_is_told(asked):
    del asked
    with pytest.raises(
        errors.UserError, match="--encoder_stride=2: other has 8 and 4 "
    ):
        encoders.build_encoder("other", 4, 2, stride=2)
    with pytest.raises(errors.UserError) as caught:
        encoders.build_encoder("other", 4, 13, width_multiplier=0.5, weights="imagenet")
    assert str(caught.value).startswith(
        "--encoder_weights=imagenet: cannot be loaded into other of width 0.5 "
        "(no such width). `imagenet` needs the internet once and luck; a file must"
    )
    # Without weights the fault is another one, which nothing may hide.
    with pytest.raises(Exception, match="no such width\nand more"):
        encoders.build_encoder("other", 4, 13)


@pytest.mark.parametrize("weights", ["none", "imagenet"])
@pytest.mark.parametrize(
    ("name", "height", "width", "least"),
    [("mobilenet_v2", 64, 31, 32), ("resnet50", 16, 64, 32)],
)
def test_too_small_images_are_told(name, height, width, least, weights):
    expected = (
        f"--image_height={height}, --image_width={width}: {name} takes images of at "
        f"least {least}x{least} pixels"
    )
    with pytest.raises(errors.UserError, match=expected):
        encoders.build_encoder(name, height, width, weights=weights)


def test_an_error_without_words_is_told_too(asked, monkeypatch):
    del asked

    def build(**options):
        raise MemoryError

    kind = backbone.Backbone(build, backbone.minus_one_to_one, (8,))
    monkeypatch.setitem(encoder.BACKBONES, "other", kind)
    with pytest.raises(errors.UserError, match=r"of width 1\.4 \(MemoryError\)"):
        encoders.build_encoder("other", 4, 2, width_multiplier=1.4, weights="imagenet")


def test_other_global_settings_of_keras_are_refused(asked, monkeypatch):
    monkeypatch.setattr(keras.config, "image_data_format", lambda: "channels_first")
    with pytest.raises(errors.UserError, match="channels_first"):
        encoders.build_encoder("other", 4, 2)
    assert asked == []


def test_a_layer_of_its_own_and_in_float32(asked):
    del asked
    images = np.random.default_rng(0).uniform(0, 255, (2, 4, 3, 3)).astype("float32")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        made = encoders.build_encoder("other", 4, 3)
    finally:
        keras.config.set_dtype_policy(before)
    assert made.compute_dtype == "float32" and made.pooling.compute_dtype == "float32"
    assert made.built and made.feature_dimension == 3
    assert made.pooling.name == "pooling" and made.pooling.built
    maps = made.feature_maps(images)
    assert maps.dtype == "bfloat16" and maps.shape == (2, 4, 3, 3)
    features = made(images)
    assert features.dtype == "float32"
    expected = np.maximum(images / 127.5 - 1, 0).mean(axis=(1, 2))
    np.testing.assert_allclose(features, expected, atol=0.01)


def test_the_network_is_told_whether_it_trains(asked):
    del asked
    made, seen = encoders.build_encoder("other", 4, 2), []
    made.backbone.call = lambda images, training=None, mask=None: (
        seen.append(training) or images
    )
    images = np.zeros((1, 4, 2, 3), np.float32)
    made(images), made(images, training=True)
    made.feature_maps(images), made.feature_maps(images, training=True)
    assert seen == [False, True, False, True]


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
    with pytest.raises(
        errors.UserError, match="resnet_9.*: conv4, conv4_mean, mobilenet_v2"
    ):
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


def test_stride_16_takes_the_weights_of_the_file(tmp_path):
    stock = keras.applications.MobileNetV2(
        (32, 32, 3), alpha=0.35, include_top=False, weights=None
    )
    path = str(tmp_path / "stock.weights.h5")
    stock.save_weights(path)
    made = _build(weights=path, stride=16)
    for found, expected in zip(made.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


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


def test_the_stock_net_is_asked_for(monkeypatch):
    asked, stock = [], keras.applications.MobileNetV2

    def watch(**options):
        asked.append(options)
        return stock(**{**options, "weights": None})

    monkeypatch.setattr(keras.applications, "MobileNetV2", watch)
    for weights, expected in (("imagenet", "imagenet"), ("none", None)):
        _build(height=64, weights=weights)
        assert asked[-1] == {
            "input_shape": (64, 32, 3),
            "alpha": 0.35,
            "include_top": False,
            "weights": expected,
        }


def test_the_widths_that_imagenet_has_are_named():
    with pytest.raises(errors.UserError) as caught:
        _build(width_multiplier=0.6, weights="imagenet")
    assert "a width that Keras has (0.35, 0.5, 0.75, 1, 1.3, 1.4); a file" in str(
        caught.value
    )
    # As Keras itself says: "alpha can be one of `0.35`, `0.50`, ...".
    named = re.findall(r"`([\d.]+)`", str(caught.value.__cause__))
    assert tuple(map(float, named)) == mobilenet_v2.IMAGENET_WIDTHS


def test_the_published_net_is_the_default():
    kind = mobilenet_v2.MOBILENET_V2
    assert kind.strides == (32, 16)
    made = mobilenet_v2.mobilenet_v2(32, 32, 0.35, None, 0.5)
    assert made.output_shape == (None, 1, 1, 1280)
    kinds = [type(layer) for layer in made.layers]
    assert keras.layers.BatchNormalization not in kinds  # The fused one.
    assert backbone.Backbone(lambda: None, lambda pixels: pixels).strides == (32,)


class Weighted(keras.layers.Layer):
    """A pooling that learns."""

    def build(self, input_shape):
        self.share = self.add_weight(shape=(input_shape[-1],), name="share")

    def call(self, maps):
        return keras.ops.mean(maps, axis=(1, 2)) * self.share


def test_variables_of_the_pooling_are_there_before_the_first_image():
    """Or no checkpoint could hold them."""
    images = keras.Input((4, 2, 3))
    kind = backbone.Backbone(
        build=lambda **_: keras.Model(images, keras.layers.ReLU()(images)),
        preprocess=lambda pixels: pixels,
        pooling=Weighted,
    )
    made = encoder.Encoder(kind.build(), kind)
    assert [(v.name, tuple(v.shape)) for v in made.variables] == [("share", (3,))]


_NORMED = {"instance_norm_through": "block_3", "neck": True}


def test_a_place_that_a_backbone_lacks_is_refused(asked):
    del asked
    with pytest.raises(errors.UserError) as caught:
        _build(instance_norm_through="block_99")
    assert "--instance_norm_through=block_99: mobilenet_v2 has no such place; " \
        "expected one of stem, block_0, " in str(caught.value)  # fmt: skip
    with pytest.raises(
        errors.UserError, match="other has no such place; it has none. Leave the flag"
    ):
        encoders.build_encoder("other", 4, 2, instance_norm_through="stem")


def test_norms_are_put_in_as_asked_for():
    def count(made):
        return sum("instance_norm" in layer.name for layer in made.backbone.layers)

    plain, normed = _build(), _build(**_NORMED)
    assert count(plain) == 0 and plain.neck is None
    assert count(normed) == 5
    assert normed.neck.momentum == 0.99
    assert [v.path for v in normed.neck.variables] == [
        f"neck/{name}" for name in ("gamma", "moving_mean", "moving_variance")
    ]
    assert {id(v) for part in normed.parts for v in part.variables} == {
        id(v) for v in normed.variables
    }
    assert plain.parts == [plain.backbone]


def test_the_feature_is_the_mean_over_its_maps_after_the_neck():
    made = _build(height=64, width=32, **_NORMED)
    made.neck.set_weights([np.linspace(0.5, 2, 1280), *np.ones((2, 1280))])
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 32, 3)).astype("float32")
    pooled = made.pooling(made.feature_maps(images))
    expected = made.neck(pooled)
    assert np.abs(expected - pooled).max() > 0.1
    np.testing.assert_allclose(made(images), expected, atol=1e-5)
    np.testing.assert_allclose(made.after_pooling(pooled), expected, atol=1e-5)
    maps = made.maps_of_features(images)
    assert maps.shape == (2, 2, 1, 1280)
    np.testing.assert_allclose(tf.reduce_mean(maps, (1, 2)), expected, atol=1e-5)
    plain = made.with_network(made.backbone, "plain")
    assert plain.neck is None
    np.testing.assert_allclose(plain(images), pooled, atol=1e-5)
    np.testing.assert_array_equal(
        plain.maps_of_features(images), made.feature_maps(images)
    )


def test_a_copy_has_norms_of_its_own():
    made = _build(**_NORMED)
    made.neck.gamma.assign_add(np.arange(1280.0))
    copy = made.copy("other_")
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(copy(images), made(images), atol=1e-5)
    assert copy.neck is not made.neck and copy.neck.name == "other_neck"
    names = {v.path for v in copy.variables}
    assert not names & {v.path for v in made.variables}
    assert len(names) == len(made.variables)
