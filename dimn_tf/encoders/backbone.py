"""What a backbone is: all that an encoder of its kind needs to know."""

import dataclasses
from collections.abc import Callable, Mapping

import keras

from dimn_tf.encoders import instance_norm_places


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A kind of network, and what comes before and after it.

    Attributes:
        build: (height, width, width_multiplier, weights, batch_norm_momentum, fused,
            stride) -> a functional model from preprocessed images to a feature map
            [n, h, w, D]; see `mobilenet_v2.mobilenet_v2` for the arguments.
        preprocess: float32 RGB in 0..255, [n, H, W, 3] -> what the network takes.
        strides: Pixels of the input a place of the feature map, as may be asked for;
            the first is the published network's.
        pooling: Makes the layer from a feature map to a feature, [n, h, w, D] ->
            [n, D].
        instance_norms: Where the network may have instance norms, by name, in
            the order of its layers; its first stages may be frozen up to one of them.
        weights_hint: What `imagenet` needs, for errors.
        smallest: Least height and width of an image, pixels.
    """

    build: Callable[..., keras.Model]
    preprocess: Callable
    strides: tuple[int, ...] = (32,)
    pooling: Callable[[], keras.layers.Layer] = lambda: (
        keras.layers.GlobalAveragePooling2D(dtype="float32", name="pooling")
    )
    instance_norms: Mapping[str, instance_norm_places.Place] = dataclasses.field(
        default_factory=dict
    )
    weights_hint: str = ""
    smallest: int = 1


def minus_one_to_one(images):
    """RGB in 0..255 -> -1..1, as Keras' MobileNets take it."""
    return images / 127.5 - 1.0
