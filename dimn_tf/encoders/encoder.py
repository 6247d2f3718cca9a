"""The encoder g_phi: preprocessing, backbone and pooling in one layer."""

import keras

from dimn_tf import errors, keras_settings
from dimn_tf.encoders import mobilenet_v2, weight_files

# A new backbone is one line: name -> a function of (height, width,
# width_multiplier, weights, batch_norm_momentum, fused) that returns a model from
# images in -1..1 to a feature map [n, h, w, D].
BACKBONES = {
    "mobilenet_v2": mobilenet_v2.mobilenet_v2,
}


class Encoder(keras.layers.Layer):
    """g_phi: RGB images to D-dimensional features, by global average pooling.

    Example:

    >>> encoder = build_encoder("mobilenet_v2", height=256, width=128,
    ...                         width_multiplier=1.4)
    >>> encoder(np.zeros([2, 256, 128, 3], "float32")).shape
    (2, 1792)

    Call: float32 [n, H, W, 3] in 0..255 -> float32 [n, D] (>= 0 for MobileNetV2,
    whose last layer is a ReLU6).
    """

    def __init__(self, backbone: keras.Model, name: str = "encoder"):
        # Pixels are scaled in float32; the backbone casts by its own policy.
        super().__init__(name=name, dtype="float32")
        self.backbone = backbone
        self.pooling = keras.layers.GlobalAveragePooling2D(dtype="float32")
        self.pooling.build(backbone.output_shape)
        self.feature_dimension = int(backbone.output_shape[-1])
        self.built = True

    def call(self, images, training=False):
        """Features; see the class."""
        return self.pooling(self.feature_maps(images, training=training))

    def feature_maps(self, images, training=False):
        """What is pooled: [n, H, W, 3] -> [n, H / 32, W / 32, D] for MobileNetV2."""
        return self.backbone(images / 127.5 - 1.0, training=training)


def build_encoder(
    name: str,
    height: int,
    width: int,
    width_multiplier: float = 1.0,
    weights: str = "none",
    batch_norm_momentum: float = 0.99,
    fused_batch_norm: bool = True,
) -> Encoder:
    """Builds an encoder by name.

    Args:
        name: A key of `BACKBONES`.
        height: Image height, pixels.
        width: Image width, pixels.
        width_multiplier: Channels relative to the standard backbone.
        weights: "none" (random start), "imagenet" (downloaded by Keras once), or
            the path of a weights file of the stock `keras.applications` graph
            without its top.
        batch_norm_momentum: Share of the old moving average kept each step.
        fused_batch_norm: False leaves Keras' own batch norm, for comparison.

    Raises:
        errors.UserError: other global settings of Keras than `keras_settings` needs,
            an unknown name, or weights that cannot be had or do not fit.
    """
    keras_settings.check()
    if name not in BACKBONES:
        raise errors.UserError(
            f"--encoder={name}: no such encoder. Known: {', '.join(sorted(BACKBONES))}."
        )
    if weights not in ("none", "imagenet"):
        weight_files.existing(weights)
    try:
        backbone = BACKBONES[name](
            height=height,
            width=width,
            width_multiplier=width_multiplier,
            weights=None if weights == "none" else weights,
            batch_norm_momentum=batch_norm_momentum,
            fused=fused_batch_norm,
        )
    except Exception as error:  # Keras raises bare Exception for a failed download.
        if weights == "none":
            raise
        raise errors.UserError(
            f"--encoder_weights={weights}: cannot be loaded into {name} of width "
            f"{width_multiplier:g} ({str(error).splitlines()[0]}). `imagenet` needs "
            "the internet once and a width that Keras has (MobileNetV2: "
            f"{', '.join(f'{w:g}' for w in mobilenet_v2.IMAGENET_WIDTHS)}); a file "
            "must hold the same backbone and width; `none` starts at random."
        ) from error
    return Encoder(backbone)
