"""Folded and unfolded networks agree."""

import keras
import numpy as np
import pytest

from dimn_tf import encoders
from dimn_tf.encoders import fused_batch_norm
from dimn_tf.export import folding
from tests.dimn_tf.export import made_up


def _norms(model):
    return [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]


@pytest.mark.parametrize("norm", [
    keras.layers.BatchNormalization,
    fused_batch_norm.FusedBatchNormalization,
])  # fmt: skip
def test_by_hand(norm):
    # 1x1 convolution: y = 2x + 1; norm: 3 (y - 5) / sqrt(4 + 0) + 7 = 3x + 1.
    images = keras.Input((1, 1, 1))
    model = keras.Model(images, norm(epsilon=0.0)(keras.layers.Conv2D(1, 1)(images)))
    model.layers[1].set_weights([np.full((1, 1, 1, 1), 2.0), np.array([1.0])])
    model.layers[2].set_weights([np.array([x]) for x in (3.0, 7.0, 5.0, 4.0)])
    kernel, bias = folding.fold_batch_norm(model).layers[1].get_weights()
    assert kernel.item() == 3.0 and bias.item() == 1.0


def test_a_depthwise_kernel_of_several_outputs_a_channel():
    images = keras.Input((4, 4, 3))
    hidden = keras.layers.DepthwiseConv2D(3, depth_multiplier=2)(images)
    model = keras.Model(images, keras.layers.BatchNormalization()(hidden))
    made_up.shake(model)
    batch = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")
    folded = folding.fold_batch_norm(model)
    np.testing.assert_allclose(folded(batch), model(batch), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("scale", "centre"), [(True, False), (False, True)])
def test_a_norm_without_scale_or_centre(bias, scale, centre):
    images = keras.Input((4, 4, 3))
    hidden = keras.layers.Conv2D(5, 3, use_bias=bias)(images)
    norm = keras.layers.BatchNormalization(scale=scale, center=centre)(hidden)
    model = keras.Model(images, norm)
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.5, 2, w.shape) for w in model.get_weights()])
    batch = rng.normal(size=(2, 4, 4, 3)).astype("float32")
    folded = folding.fold_batch_norm(model)
    assert not _norms(folded)
    np.testing.assert_allclose(folded(batch), model(batch), rtol=1e-4, atol=1e-5)


def test_what_cannot_be_folded_is_kept():
    images = keras.Input((4, 4, 3))
    shared = keras.layers.Conv2D(3, 1)(images)  # Read by the norm and by the sum.
    norm = keras.layers.BatchNormalization()(shared)
    active = keras.layers.Conv2D(3, 1, activation="relu")(images)
    after = keras.layers.BatchNormalization()(active)
    first = keras.layers.BatchNormalization()(images)
    model = keras.Model(images, keras.layers.Add()([shared, norm, after, first]))
    made_up.shake(model)
    folded = folding.fold_batch_norm(model)
    assert len(_norms(folded)) == 3
    batch = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")
    np.testing.assert_allclose(folded(batch), model(batch), rtol=1e-5, atol=1e-6)


def _pads(model):
    return [x for x in model.layers if isinstance(x, keras.layers.ZeroPadding2D)]


@pytest.mark.parametrize(
    ("padding", "options"),
    [
        (1, {"strides": 2}),  # Even sizes are padded below and to the right only.
        (((0, 1), (0, 1)), {"strides": 1}),
        (((0, 1), (0, 1)), {"strides": 2, "padding": "same"}),  # It pads again.
        (2, {"dilation_rate": 2}),
    ],
)
def test_other_padding_is_kept(padding, options):
    images = keras.Input((8, 8, 3))
    padded = keras.layers.ZeroPadding2D(padding)(images)
    model = keras.Model(images, keras.layers.Conv2D(4, 3, **options)(padded))
    assert len(_pads(folding.fold_padding(model))) == 1


def test_padding_of_images_of_any_size_is_kept():
    images = keras.Input((None, None, 3))
    padded = keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(images)
    model = keras.Model(images, keras.layers.Conv2D(4, 3, strides=2)(padded))
    assert len(_pads(folding.fold_padding(model))) == 1


def test_padding_that_something_else_reads_is_kept():
    images = keras.Input((8, 8, 3))
    padded = keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(images)
    convolved = keras.layers.Conv2D(4, 3, strides=2)(padded)
    model = keras.Model(images, [convolved, padded])
    folded = folding.fold_padding(model)
    batch = np.ones((1, 8, 8, 3), np.float32)
    for found, expected in zip(folded(batch), model(batch), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_mobilenet_folds_whole_and_agrees():
    encoder = encoders.build_encoder("mobilenet_v2", 64, 32, 0.35)
    backbone = encoder.backbone
    made_up.shake(backbone)
    kept = backbone.get_weights()
    folded = folding.fold_batch_norm(backbone)
    assert len(_norms(backbone)) == 52 and not _norms(folded)
    images = np.random.default_rng(1).uniform(-1, 1, (3, 64, 32, 3)).astype("float32")
    expected, found = backbone(images).numpy(), folded(images).numpy()
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    for before, after in zip(kept, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("size", [(64, 32), (96, 49), (67, 33)])
def test_mobilenets_padding_folds_whole_and_changes_nothing(size):
    backbone = encoders.build_encoder("mobilenet_v2", *size, 0.35).backbone
    made_up.shake(backbone)
    folded = folding.fold_padding(backbone)
    assert len(_pads(backbone)) == 4 and not _pads(folded)
    images = np.random.default_rng(1).uniform(-1, 1, (2, *size, 3)).astype("float32")
    np.testing.assert_array_equal(folded(images), backbone(images))
    both = folding.for_inference(backbone)
    assert not _pads(both) and not _norms(both)
    expected = backbone(images).numpy()
    np.testing.assert_allclose(both(images), expected, rtol=1e-4, atol=1e-5)
