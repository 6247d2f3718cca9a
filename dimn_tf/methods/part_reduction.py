"""What reduces the features of an image's parts."""

import keras
import tensorflow as tf

_EPSILON = 1e-5  # Of the parts' batch norm, as in the official code.


class PartReduction(keras.layers.Layer):
    """h_i = ReLU(BN(V g_i)), with one V for all parts or one for each.

    Call: float32 [n, p, D] -> float32 [n, p, E].

    Batch norm takes the statistics of the whole batch, over all replicas: they are few
    numbers.

    Args:
        parts: p.
        dimension: D.
        reduced: E.
        own: Whether each part has a V and a batch norm of its own.
        momentum: Of the moving averages, 0..1.
        seed: Of V's start (He, by the fan out).
    """

    def __init__(self, parts, dimension, reduced, own, momentum, seed):
        super().__init__(name="part_reduction", dtype="float32")
        self._own = own
        self.linear = keras.layers.EinsumDense(
            "npd,pde->npe" if own else "npd,de->npe",
            output_shape=(parts, reduced),
            kernel_initializer=keras.initializers.RandomNormal(
                stddev=(2.0 / reduced) ** 0.5, seed=seed
            ),
            dtype="float32",
            name="part_linear",
        )
        self.linear.build((None, parts, dimension))
        self.norm = keras.layers.BatchNormalization(
            momentum=momentum,
            epsilon=_EPSILON,
            synchronized=True,
            dtype="float32",
            name="part_norm",
        )
        self.norm.build((None, parts * reduced) if own else (None, parts, reduced))
        self.built = True

    def call(self, means, training=False):
        """Reduced features; see the class."""
        reduced = self.linear(means)
        shape = tf.shape(reduced)
        if self._own:
            reduced = tf.reshape(reduced, (shape[0], self.norm.gamma.shape[0]))
        return tf.reshape(tf.nn.relu(self.norm(reduced, training=training)), shape)
