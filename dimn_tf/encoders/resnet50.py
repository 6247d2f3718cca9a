"""ResNet-50, the encoder of the part-based systems that the paper compares with."""

import keras
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.encoders import backbone, published_graph

_IMAGENET_MEANS_BGR = (103.939, 116.779, 123.68)


def resnet50(
    height: int,
    width: int,
    width_multiplier: float,
    weights: str | None,
    batch_norm_momentum: float,
    fused: bool = True,
    stride: int = 32,
) -> keras.Model:
    """ResNet-50 without its classification layer, before pooling: D = 2,048.

    The arguments are `mobilenet_v2.mobilenet_v2`'s. Keras has the width 1 alone. At a
    stride of 16 the last stage's first block (its main path and its shortcut) has
    stride 1, as PCB has it; the weights are the same.

    Returns:
        A model from float32 [n, height, width, 3], see `caffe_colours`, to
        [n, height / stride, width / stride, 2048].

    Raises:
        errors.UserError: another width.

    Reference: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.
    """
    if width_multiplier != 1:
        raise errors.UserError(
            f"--encoder_width={width_multiplier:g}: resnet50 has the width 1 alone."
        )
    return published_graph.adapted(
        lambda given: keras.applications.ResNet50(
            input_shape=(height, width, 3), include_top=False, weights=given
        ),
        weights,
        batch_norm_momentum,
        fused,
        _WITHOUT_LAST_DOWNSAMPLING if stride == 16 else None,
    )


# Keras' ResNet-50 strides in the block's first 1x1 convolution, as the original does
# (PyTorch's in its 3x3), and in the shortcut.
_WITHOUT_LAST_DOWNSAMPLING = {
    "conv5_block1_1_conv": {"strides": (1, 1)},
    "conv5_block1_0_conv": {"strides": (1, 1)},
}


def caffe_colours(images):
    """RGB in 0..255 -> BGR less ImageNet's mean, as Keras' ResNet-50 takes it."""
    return tf.reverse(images, axis=[-1]) - tf.constant(_IMAGENET_MEANS_BGR)


RESNET50 = backbone.Backbone(
    build=resnet50, preprocess=caffe_colours, strides=(32, 16), smallest=32
)
