"""Adam without momentum, on tensors: the inner steps of Reptile."""

import keras
import tensorflow as tf

NAME = "second_moments"
"""By which checkpoints know them."""

_BETA_2 = 0.999
_EPSILON = 1e-8  # Of the inner Adam, TensorFlow 1's, as the official code has it.


class SecondMoments(keras.layers.Layer):
    """The inner Adam's second moments, which are not reset between tasks.

    Args:
        variables: What inner steps move.
        further: Shapes of what they move beside.
    """

    def __init__(self, variables, further=()):
        super().__init__(name=NAME, dtype="float32")
        shapes = [tuple(v.shape) for v in variables] + list(further)
        self.moments = [
            self.add_weight(
                name=f"moment_{i}",
                shape=shape,
                initializer="zeros",
                trainable=False,
                # Every replica computes the same from the sum of the gradients.
                aggregation="only_first_replica",
            )
            for i, shape in enumerate(shapes)
        ]
        self.built = True

    def values(self) -> list[tf.Tensor]:
        """The moments now."""
        return [tf.convert_to_tensor(moment.value) for moment in self.moments]

    def assign(self, values) -> None:
        """Keeps other moments."""
        for moment, value in zip(self.moments, values, strict=True):
            moment.assign(value)


def step(weights, gradients, moments, count, rate: float):
    """One step of Adam with beta_1 = 0.

        v <- v + (1 - beta_2) (g^2 - v)
        w <- w - rate sqrt(1 - beta_2^t) g / (sqrt(v) + epsilon)

    Args:
        weights: Tensors.
        gradients: Of the same shapes.
        moments: v, of the same shapes.
        count: t, 1 at the first step.
        rate: Learning rate.

    Returns:
        Weights and moments after it.

    Reference: Kingma and Ba, "Adam", ICLR 2015.
    """
    rate = rate * tf.sqrt(1.0 - tf.pow(_BETA_2, count))
    moments = [
        v + (1.0 - _BETA_2) * (tf.square(g) - v)
        for v, g in zip(moments, gradients, strict=True)
    ]
    weights = [
        w - rate * g / (tf.sqrt(v) + _EPSILON)
        for w, g, v in zip(weights, gradients, moments, strict=True)
    ]
    return weights, moments
