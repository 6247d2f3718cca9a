"""The encoder g_phi: preprocessing, backbone and pooling in one layer."""

import keras

from dimn_tf import errors, keras_settings
from dimn_tf.encoders import backbone as backbone_lib
from dimn_tf.encoders import mobilenet_v2, resnet50, weight_files

# A new backbone is one file and one line.
BACKBONES: dict[str, backbone_lib.Backbone] = {
    "mobilenet_v2": mobilenet_v2.MOBILENET_V2,
    "resnet50": resnet50.RESNET50,
}


class Encoder(keras.layers.Layer):
    """g_phi: RGB images to D-dimensional features.

    Example:

    >>> encoder = build_encoder("mobilenet_v2", height=256, width=128,
    ...                         width_multiplier=1.4)
    >>> encoder(np.zeros([2, 256, 128, 3], "float32")).shape
    (2, 1792)

    Call: float32 [n, H, W, 3] in 0..255 -> float32 [n, D] (>= 0 for MobileNetV2,
    whose last layer is a ReLU6).

    Args:
        network: A functional model from preprocessed images to feature maps.
        backbone: Its kind, which says how images are preprocessed and maps pooled.
        batch_norm_momentum: Of its batch norms; a method's own take the same.
    """

    def __init__(
        self,
        network: keras.Model,
        backbone: backbone_lib.Backbone = mobilenet_v2.MOBILENET_V2,
        name: str = "encoder",
        batch_norm_momentum: float = 0.99,
    ):
        # Pixels are scaled in float32; the network casts by its own policy.
        super().__init__(name=name, dtype="float32")
        self.backbone = network
        self.kind = backbone
        self.pooling = backbone.pooling()
        self.pooling.build(network.output_shape)
        self.batch_norm_momentum = batch_norm_momentum
        self.map_height = int(network.output_shape[1])
        self.feature_dimension = int(network.output_shape[-1])
        self.built = True

    def with_network(self, network: keras.Model, name: str) -> "Encoder":
        """Another encoder of this kind, round another network of the same outputs."""
        return Encoder(network, self.kind, name, self.batch_norm_momentum)

    def call(self, images, training=False):
        """Features; see the class."""
        return self.pooling(self.feature_maps(images, training=training))

    def of_preprocessed(self, inputs, training=False):
        """Features of what `kind.preprocess` gives: [n, H, W, 3] -> [n, D]."""
        return self.pooling(self.backbone(inputs, training=training))

    def copy(self, prefix: str) -> "Encoder":
        """An encoder with variables of its own, of the values that these have now.

        Args:
            prefix: Of the names of its layers, by which checkpoints know variables.
        """

        def clone(layer):
            config = layer.get_config()
            return type(layer).from_config({**config, "name": prefix + layer.name})

        network = keras.models.clone_model(self.backbone, clone_function=clone)
        network.set_weights(self.backbone.get_weights())
        return self.with_network(network, prefix + self.name)

    def feature_maps(self, images, training=False):
        """What is pooled: [n, H, W, 3] -> [n, H / stride, W / stride, D]."""
        return self.backbone(self.kind.preprocess(images), training=training)


def build_encoder(
    name: str,
    height: int,
    width: int,
    width_multiplier: float = 1.0,
    weights: str = "none",
    batch_norm_momentum: float = 0.99,
    fused_batch_norm: bool = True,
    stride: int = 0,
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
        stride: Pixels a place of the feature map; 0: as the backbone is published.

    Raises:
        errors.UserError: other global settings of Keras than `keras_settings` needs,
            an unknown name or stride, or weights that cannot be had or do not fit.
    """
    keras_settings.check()
    if name not in BACKBONES:
        raise errors.UserError(
            f"--encoder={name}: no such encoder. Known: {', '.join(sorted(BACKBONES))}."
        )
    kind = BACKBONES[name]
    if stride and stride not in kind.strides:
        raise errors.UserError(
            f"--encoder_stride={stride}: {name} has "
            f"{' and '.join(map(str, kind.strides))} (0 takes {kind.strides[0]})."
        )
    if weights not in ("none", "imagenet"):
        weight_files.existing(weights)
    try:
        network = kind.build(
            height=height,
            width=width,
            width_multiplier=width_multiplier,
            weights=None if weights == "none" else weights,
            batch_norm_momentum=batch_norm_momentum,
            fused=fused_batch_norm,
            stride=stride or kind.strides[0],
        )
    except errors.UserError:
        raise
    except Exception as error:  # Keras raises bare Exception for a failed download.
        if weights == "none":
            raise
        raise errors.UserError(
            f"--encoder_weights={weights}: cannot be loaded into {name} of width "
            f"{width_multiplier:g} ({str(error).splitlines()[0]}). `imagenet` needs "
            f"the internet once{kind.weights_hint}; a file must hold the same backbone "
            "and width; `none` starts at random."
        ) from error
    return Encoder(network, kind, batch_norm_momentum=batch_norm_momentum)
