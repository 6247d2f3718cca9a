"""The encoder g_phi: preprocessing, backbone and pooling in one layer."""

import keras

from dimn_tf import errors, keras_settings, tensorflow_errors
from dimn_tf.encoders import backbone as backbone_lib
from dimn_tf.encoders import (
    conv4,
    frozen_stages,
    instance_norm_places,
    mobilenet_v2,
    resnet50,
    weight_files,
)
from dimn_tf.encoders import neck as neck_lib

# A new backbone is one file and one line.
BACKBONES: dict[str, backbone_lib.Backbone] = {
    "mobilenet_v2": mobilenet_v2.MOBILENET_V2,
    "resnet50": resnet50.RESNET50,
    "conv4": conv4.CONV4,
    "conv4_mean": conv4.CONV4_MEAN,
}


class Encoder(keras.layers.Layer):
    """g_phi: RGB images to D-dimensional features.

    Example:

    >>> encoder = build_encoder("mobilenet_v2", height=256, width=128,
    ...                         width_multiplier=1.4)
    >>> encoder(np.zeros([2, 256, 128, 3], "float32")).shape
    (2, 1792)

    Call: float32 [n, H, W, 3] in 0..255 -> float32 [n, D] (>= 0 for MobileNetV2
    without a neck, whose last layer is a ReLU6).

    Args:
        network: A functional model from preprocessed images to feature maps.
        backbone: Its kind, which says how images are preprocessed and maps pooled.
        batch_norm_momentum: Of its batch norms; a method's own take the same.
        neck: Normalises the pooled feature; None: there is none.
    """

    def __init__(
        self,
        network: keras.Model,
        backbone: backbone_lib.Backbone = mobilenet_v2.MOBILENET_V2,
        name: str = "encoder",
        batch_norm_momentum: float = 0.99,
        neck: neck_lib.Neck | None = None,
    ):
        # Pixels are scaled in float32; the network casts by its own policy.
        super().__init__(name=name, dtype="float32")
        self.backbone = network
        self.kind = backbone
        self.pooling = backbone.pooling()
        self.pooling.build(network.output_shape)
        self.batch_norm_momentum = batch_norm_momentum
        self.map_height = int(network.output_shape[1])
        self.feature_dimension = _dimension(self.pooling, network)
        self.neck = neck
        self.built = True

    @property
    def parts(self) -> list[keras.layers.Layer]:
        """The layers that have variables."""
        return [self.backbone, *([self.neck] if self.neck is not None else [])]

    @property
    def pools_by_mean(self) -> bool:
        """Whether the feature is the mean of maps: what `maps_of_features` tells."""
        return isinstance(self.pooling, keras.layers.GlobalAveragePooling2D)

    def with_network(
        self, network: keras.Model, name: str, neck: neck_lib.Neck | None = None
    ) -> "Encoder":
        """Another encoder of this kind, round another network."""
        return Encoder(network, self.kind, name, self.batch_norm_momentum, neck)

    def call(self, images, training=False):
        """Features; see the class."""
        return self.of_preprocessed(self.kind.preprocess(images), training=training)

    def pooled_and_features(self, images, training=False):
        """The pooled feature before a neck, and the feature: two of [n, D] float32."""
        pooled = self.pooling(self.feature_maps(images, training=training))
        return pooled, self.after_pooling(pooled, training=training)

    def of_preprocessed(self, inputs, training=False):
        """Features of what `kind.preprocess` gives: [n, H, W, 3] -> [n, D]."""
        maps = self.backbone(inputs, training=training)
        return self.after_pooling(self.pooling(maps), training=training)

    def after_pooling(self, pooled, training=False):
        """What the neck makes of the mean over the places: [n, D] -> [n, D]."""
        if self.neck is None:
            return pooled
        return self.neck(pooled, training=training)

    def copy(self, prefix: str) -> "Encoder":
        """An encoder with variables of its own, of the values that these have now.

        Args:
            prefix: Of the names of its layers, by which checkpoints know variables.
        """

        def clone(layer):
            config = layer.get_config()
            return type(layer).from_config({**config, "name": prefix + layer.name})

        network = keras.models.clone_model(self.backbone, clone_function=clone)
        neck = None
        if self.neck is not None:
            neck = clone(self.neck)
            neck.build((None, self.feature_dimension))
        made = self.with_network(network, prefix + self.name, neck)
        made.take_values(self)
        return made

    def take_values(self, other: "Encoder") -> None:
        """Gives the variables the values that those of an encoder like it have."""
        self.backbone.set_weights(other.backbone.get_weights())
        if self.neck is not None:
            self.neck.set_weights(other.neck.get_weights())

    def feature_maps(self, images, training=False):
        """What is pooled: [n, H, W, 3] -> [n, H / stride, W / stride, D]."""
        return self.backbone(self.kind.preprocess(images), training=training)

    def maps_of_features(self, images):
        """At test, maps whose mean over the places is the feature: as `feature_maps`.

        Without a neck they are the feature maps. There are none where the encoder pools
        otherwise (`pools_by_mean`).
        """
        maps = self.feature_maps(images)
        return maps if self.neck is None else self.neck.of_places(maps)


def build_encoder(
    name: str,
    height: int,
    width: int,
    width_multiplier: float = 1.0,
    weights: str = "none",
    batch_norm_momentum: float = 0.99,
    fused_batch_norm: bool = True,
    stride: int = 0,
    instance_norm_through: str = "",
    neck: bool = False,
    frozen_through: str = "",
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
        instance_norm_through: Name of the last place that has an instance norm (see
            `Backbone.instance_norms`), as all before it have; "": none has.
        neck: Whether features go through a `Neck`.
        frozen_through: Name of the last such place that is not trained (see
            `frozen_stages`); "": all is.

    Raises:
        errors.UserError: other global settings of Keras than `keras_settings` needs,
            an unknown name, stride or place, or weights that cannot be had or do not
            fit.
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
    places = _places_through("instance_norm_through", instance_norm_through, name)
    _places_through("frozen_through", frozen_through, name)
    if min(height, width) < kind.smallest:
        raise errors.UserError(
            f"--image_height={height}, --image_width={width}: {name} takes images "
            f"of at least {kind.smallest}x{kind.smallest} pixels. Give larger numbers, "
            "or another --encoder."
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
            f"{width_multiplier:g} ({tensorflow_errors.reason(error)}). `imagenet` "
            f"needs the internet once{kind.weights_hint}; a file must hold the same "
            "backbone and width; `none` starts at random."
        ) from error
    network = instance_norm_places.with_instance_norm(network, places)
    if frozen_through:
        frozen_stages.freeze_through(network, kind.instance_norms, frozen_through)
    made = None
    if neck:
        made = neck_lib.Neck(momentum=batch_norm_momentum, name=neck_lib.NAME)
        made.build((None, _dimension(kind.pooling(), network)))
    return Encoder(network, kind, batch_norm_momentum=batch_norm_momentum, neck=made)


def _dimension(pooling: keras.layers.Layer, network: keras.Model) -> int:
    """D, of what a pooling makes of a network's maps."""
    return int(pooling.compute_output_spec(network.output).shape[-1])


def _places_through(
    flag: str, last: str, backbone: str
) -> dict[str, instance_norm_places.Place]:
    """The places of a backbone up to the one that a flag names.

    Raises:
        errors.UserError: it has no such place.
    """
    places = BACKBONES[backbone].instance_norms
    if not last:
        return {}
    if last not in places:
        known = (
            f"expected one of {', '.join(places)}"
            if places
            else "it has none. Leave the flag out, or give another --encoder"
        )
        raise errors.UserError(
            f"--{flag}={last}: {backbone} has no such place; {known}."
        )
    names = list(places)
    return {name: places[name] for name in names[: names.index(last) + 1]}
