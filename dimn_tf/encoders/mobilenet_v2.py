"""MobileNetV2, the paper's encoder."""

import keras

from dimn_tf.encoders import fused_batch_norm, weight_files

IMAGENET_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
"""Widths for which `keras.applications` publishes ImageNet weights."""


def mobilenet_v2(
    height: int,
    width: int,
    width_multiplier: float,
    weights: str | None,
    batch_norm_momentum: float,
    fused: bool = True,
) -> keras.Model:
    """MobileNetV2 without its classification layer, before pooling.

    Args:
        height: Image height, pixels.
        width: Image width, pixels.
        width_multiplier: Channels relative to the standard net (paper: 1.4, which
            gives D = 1,792; up to 1.0 gives D = 1,280).
        weights: "imagenet", the path of a weights file of the stock graph, or None
            for a random start.
        batch_norm_momentum: Share of the old moving average kept each step, 0..1.
        fused: Whether batch norm runs on the fused kernel (False: the stock graph,
            for comparison).

    Returns:
        A model from float32 [n, height, width, 3] in -1..1 to
        [n, height / 32, width / 32, D].

    Reference: Sandler et al., "MobileNetV2: Inverted Residuals and Linear
        Bottlenecks", CVPR 2018.
    """
    stock = keras.applications.MobileNetV2(
        input_shape=(height, width, 3),
        alpha=width_multiplier,
        include_top=False,
        weights="imagenet" if weights == "imagenet" else None,
    )
    if weights not in (None, "imagenet"):
        weight_files.load(stock, weights)
    if fused:
        model = fused_batch_norm.fuse_batch_norm(stock, batch_norm_momentum)
        model.set_weights(stock.get_weights())
    else:
        model = stock
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = batch_norm_momentum
    return model
