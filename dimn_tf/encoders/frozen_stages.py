"""The first stages of a network kept as they start."""

from collections.abc import Mapping

import keras

from dimn_tf.encoders import instance_norm_places


def freeze_through(
    network: keras.Model, places: Mapping[str, instance_norm_places.Place], last: str
) -> None:
    """Takes the layers up to a place out of training, and what they depend on.

    Neither their weights nor their batch norms' moving averages change; in training
    too they normalise by these averages, and no gradient is taken through them. The
    first stages have the largest maps: they cost most and change least.

    Args:
        network: A functional model, with its instance norms if it has any.
        places: The backbone's, by name.
        last: One of them.
    """
    names = {layer.name for layer in network.layers}
    end = instance_norm_places.layer_name(last)
    if end not in names:
        end = places[last].layer
    stages = keras.Model(network.inputs, network.get_layer(end).output)
    for layer in stages.layers:
        layer.trainable = False
