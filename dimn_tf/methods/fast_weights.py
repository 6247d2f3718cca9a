"""A network computed with other weights than its own: what an inner step needs."""

from collections.abc import Sequence

import keras
import tensorflow as tf


class FastWeights:
    """Weights of some layers as tensors, which inner steps move and a tape follows.

    Args:
        layers: Built; none of their variables is changed.
    """

    def __init__(self, layers: Sequence[keras.layers.Layer]):
        self._layers = tuple(layers)
        self.variables = [v for layer in layers for v in layer.trainable_variables]
        self.statistics = [v for layer in layers for v in layer.non_trainable_variables]

    def own(self) -> list[tf.Tensor]:
        """The layers' own weights now."""
        return [tf.convert_to_tensor(v.value) for v in self.variables]

    def own_statistics(self) -> list[tf.Tensor]:
        """The layers' own moving averages now."""
        return [tf.convert_to_tensor(v.value) for v in self.statistics]

    def logits(self, images, weights, statistics, training: bool):
        """The first layer, an encoder, and the second one, an output layer.

        Args:
            images: float32 [n, H, W, 3] in 0..255.
            weights: Of all the layers, as `own` gives them.
            statistics: Of all the layers, as `own_statistics` gives them.
            training: Whether the images' own statistics normalise them.

        Returns:
            float32 [n, N], and the statistics of all the layers after it.
        """
        encoder, classifier = self._layers
        features, after = self.call(
            encoder, images, weights, statistics, training=training
        )
        return self.call(classifier, features, weights, after)

    def call(self, layer, inputs, weights, statistics, **arguments):
        """One of the layers with other weights.

        Args:
            layer: One of the layers.
            inputs: Its inputs.
            weights: Of all the layers, as `own` gives them.
            statistics: Of all the layers, as `own_statistics` gives them.

        Returns:
            Its outputs, and the statistics of all the layers after it.
        """
        first, first_statistic = 0, 0
        for other in self._layers:
            if other is layer:
                break
            first += len(other.trainable_variables)
            first_statistic += len(other.non_trainable_variables)
        end = first + len(layer.trainable_variables)
        end_statistic = first_statistic + len(layer.non_trainable_variables)
        outputs, moved = layer.stateless_call(
            weights[first:end],
            statistics[first_statistic:end_statistic],
            inputs,
            **arguments,
        )
        after = [
            *statistics[:first_statistic],
            *moved,
            *statistics[end_statistic:],
        ]
        return outputs, after
