"""Instance norm put into a network that was trained without it."""

import dataclasses
from collections.abc import Mapping

import keras
import numpy as np

from dimn_tf.encoders import instance_norm

SUFFIX = "_instance_norm"
"""Of the layers' names, behind their place's."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a network may have an instance norm.

    Attributes:
        layer: Name of the layer that it follows: a batch norm, or a sum of batch norms
            and of such sums.
        replaces: Whether it stands in the place of that layer, a batch norm.
    """

    layer: str
    replaces: bool = False


def with_instance_norm(
    network: keras.Model, places: Mapping[str, Place]
) -> keras.Model:
    """Rebuilds a network with instance norms that keep its activations' moments.

    An instance norm starts with the mean and the deviation that the batch norms gave
    there on the average: gamma and beta of the one that it follows or replaces, and, of
    a sum, the square root of the sum of their squares and the sum of the betas. So the
    layers after it get what they were trained for.

    Args:
        network: A functional model; left as it is.
        places: Where, by name; the layers are called `<name>_instance_norm`.

    Returns:
        A new model with the network's weights.

    References: Jia et al., "Frustratingly Easy Person Re-Identification: Generalizing
        Person Re-ID in Practice" (DualNorm), BMVC 2019, for the places. The start is
        ours (DualNorm's starts with ones and zeros).
    """
    if not places:
        return network
    replaced = {p.layer: name for name, p in places.items() if p.replaces}
    followed = {p.layer: name for name, p in places.items() if not p.replaces}

    def clone(layer):
        if layer.name in replaced:
            return _made(replaced[layer.name], layer)
        return type(layer).from_config(layer.get_config())

    def call(layer, *args, **kwargs):
        if layer.name in set(map(layer_name, places)):
            return layer(*args)  # A batch norm was called with a mask of None too.
        outputs = layer(*args, **kwargs)
        if layer.name in followed:
            outputs = _made(followed[layer.name], layer)(outputs)
        return outputs

    made = keras.models.clone_model(network, clone_function=clone, call_function=call)
    for layer in network.layers:
        if layer.weights and layer.name not in replaced:
            made.get_layer(layer.name).set_weights(layer.get_weights())
    for name, place in places.items():
        layer = network.get_layer(place.layer)
        if place.replaces:
            moments = [layer.gamma.numpy(), layer.beta.numpy()]
        else:
            moments = _moments(layer)
        made.get_layer(layer_name(name)).set_weights(moments)
    return made


def _made(place: str, like: keras.layers.Layer) -> keras.layers.Layer:
    return instance_norm.InstanceNormalization(
        name=layer_name(place), dtype=like.dtype_policy
    )


def layer_name(place: str) -> str:
    """Name of the instance norm at a place."""
    return f"{place}{SUFFIX}"


def _moments(layer: keras.layers.Layer) -> list[np.ndarray]:
    """Deviation and mean, each [c], of what batch norms make on the average."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return [np.abs(layer.gamma.numpy()), layer.beta.numpy()]
    if isinstance(layer, keras.layers.Add):
        parts = [_moments(i._keras_history.operation) for i in layer.input]
        deviations, means = (np.stack(each) for each in zip(*parts, strict=True))
        return [np.sqrt(np.sum(deviations**2, axis=0)), np.sum(means, axis=0)]
    raise ValueError(
        f"{layer.name} is a {type(layer).__name__}: neither a batch norm nor a sum of "
        "batch norms, so nothing tells the moments of what it gives."
    )
