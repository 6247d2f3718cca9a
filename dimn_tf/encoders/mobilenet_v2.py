"""MobileNetV2, the paper's encoder."""

import keras

from dimn_tf.encoders import backbone, instance_norm_places, published_graph

IMAGENET_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
"""Widths for which `keras.applications` publishes ImageNet weights."""


def mobilenet_v2(
    height: int,
    width: int,
    width_multiplier: float,
    weights: str | None,
    batch_norm_momentum: float,
    fused: bool = True,
    stride: int = 32,
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
        stride: 32, or 16: the last downsampling (block 13) is left out, so that the
            feature map has four times the places; the weights are the same.

    Returns:
        A model from float32 [n, height, width, 3] in -1..1 to
        [n, height / stride, width / stride, D].

    Reference: Sandler et al., "MobileNetV2: Inverted Residuals and Linear
        Bottlenecks", CVPR 2018.
    """
    return published_graph.adapted(
        lambda given: keras.applications.MobileNetV2(
            input_shape=(height, width, 3),
            alpha=width_multiplier,
            include_top=False,
            weights=given,
        ),
        weights,
        batch_norm_momentum,
        fused,
        _WITHOUT_LAST_DOWNSAMPLING if stride == 16 else None,
    )


_WITHOUT_LAST_DOWNSAMPLING = {
    "block_13_pad": {"padding": ((0, 0), (0, 0))},
    "block_13_depthwise": {"strides": (1, 1), "padding": "same"},
}

# Blocks whose input is added to their output; the others end in a batch norm.
_WITH_SUM = (2, 4, 5, 7, 8, 9, 11, 12, 14, 15)


def _instance_norms() -> dict[str, instance_norm_places.Place]:
    """In the stem's place of batch norm, and at the end of each block.

    After a block's sum; where it has none, in the place of its last batch norm, which
    an instance norm would undo.
    """
    place = instance_norm_places.Place
    found = {
        "stem": place("bn_Conv1", replaces=True),
        "block_0": place("expanded_conv_project_BN", replaces=True),
    }
    for i in range(1, 17):
        has_sum = i in _WITH_SUM
        last = "add" if has_sum else "project_BN"
        found[f"block_{i}"] = place(f"block_{i}_{last}", replaces=not has_sum)
    return found


MOBILENET_V2 = backbone.Backbone(
    build=mobilenet_v2,
    preprocess=backbone.minus_one_to_one,
    strides=(32, 16),
    instance_norms=_instance_norms(),
    smallest=32,
    weights_hint=(
        f" and a width that Keras has ({', '.join(f'{w:g}' for w in IMAGENET_WIDTHS)})"
    ),
)
