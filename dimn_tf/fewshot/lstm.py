"""A long short-term memory's step."""

import keras
import numpy as np
import tensorflow as tf


class LSTM(keras.layers.Layer):
    """i, f, o = sigmoid(W [x, h] + b); c <- f c + i tanh(W [x, h] + b); h = o tanh(c).

    `keras.layers.LSTMCell` computes the same, but holds a random state without a name
    of its own, so that checkpoints could not know it again.

    Args:
        inputs: Numbers of x.
        units: Numbers of h and c.
        initializer: Makes, of 0, 1 and 2, the starts of the weights of x, of h and of
            b; None: Glorot's, orthogonal, and zeros but ones for f's.
        seed: Of that start.

    Reference: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997.
    """

    def __init__(self, inputs, units, name, initializer=None, seed=0):
        super().__init__(name=name, dtype="float32")
        self.units = units
        start = keras.initializers
        bias = np.concatenate([np.zeros(units), np.ones(units), np.zeros(2 * units)])
        made = {
            "kernel": start.GlorotUniform(seed),
            "recurrent_kernel": start.Orthogonal(seed=seed + 1),
            "bias": start.Constant(bias),
        }
        shapes = ((inputs, 4 * units), (units, 4 * units), (4 * units,))
        self.kernel, self.recurrent_kernel, self.bias = (
            self.add_weight(
                name=weight,
                shape=shape,
                initializer=made[weight] if initializer is None else initializer(i),
            )
            for i, (weight, shape) in enumerate(zip(made, shapes, strict=True))
        )
        self.built = True

    def start(self, count):
        """h and c before the first step: two of zeros [count, units]."""
        return (tf.zeros((count, self.units)), tf.zeros((count, self.units)))

    def call(self, inputs, state):
        """One step: [n, inputs] and (h, c) -> (h, c), each [n, units]."""
        hidden, cell = state
        sums = (
            tf.matmul(inputs, tf.convert_to_tensor(self.kernel))
            + tf.matmul(hidden, tf.convert_to_tensor(self.recurrent_kernel))
            + tf.convert_to_tensor(self.bias)
        )
        take, forget, candidate, show = tf.split(sums, 4, axis=-1)
        cell = tf.sigmoid(forget) * cell + tf.sigmoid(take) * tf.tanh(candidate)
        return tf.sigmoid(show) * tf.tanh(cell), cell
