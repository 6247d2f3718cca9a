"""Instance normalisation: each image's channels by their own mean and variance."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="dimn_tf")
class InstanceNormalization(keras.layers.Layer):
    """Takes an image's own contrast and colour away, channel by channel:

        y = gamma (x - mean) / sqrt(variance + epsilon) + beta,

    with mean and (biased) variance over the places of each image by itself, alike in
    training and at test. Input and output: [n, h, w, c], float32 or a half type (the
    statistics are float32 always).

    In training it is one fused batch norm over n c channels: two transpositions more
    than a batch norm, little more than half of what elementary operations add to one's
    time (`experiments.benchmarks.instance_norm`). At test it is made of elementary
    operations, which every export format has.

    Args:
        epsilon: Added to the variance.

    Reference: Ulyanov et al., "Instance Normalization: The Missing Ingredient for Fast
        Stylization", 2016.
    """

    def __init__(self, epsilon: float = 1e-3, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        """Makes gamma (ones) and beta (zeros), float32 [c]."""
        channels = (input_shape[-1],)
        # As of batch norm, they stay float32 where all else is computed in half.
        self.gamma = self.add_weight(
            name="gamma", shape=channels, initializer="ones", autocast=False
        )
        self.beta = self.add_weight(
            name="beta", shape=channels, initializer="zeros", autocast=False
        )

    def call(self, inputs, training=None):
        """Normalised inputs, of their shape and dtype."""
        inputs = tf.convert_to_tensor(inputs)
        gamma, beta = (tf.convert_to_tensor(v) for v in (self.gamma, self.beta))
        if training:
            return self._fused(inputs, gamma, beta)
        values = tf.cast(inputs, tf.float32)
        # Not `tf.nn.moments`, whose second derivatives are wrong.
        mean = tf.reduce_mean(values, axis=(1, 2), keepdims=True)
        centred = values - mean
        variance = tf.reduce_mean(tf.square(centred), axis=(1, 2), keepdims=True)
        scale = gamma * tf.math.rsqrt(variance + self.epsilon)
        return tf.cast(centred * scale + beta, inputs.dtype)

    def _fused(self, inputs, gamma, beta):
        _, height, width, channels = inputs.shape
        count = tf.shape(inputs)[0]
        places = height * width
        # Places first, so that an image's channel is a channel of its own.
        by_place = tf.transpose(
            tf.reshape(inputs, (count, places, channels)), (1, 0, 2)
        )
        none = tf.zeros([0], tf.float32)
        outputs = tf.raw_ops.FusedBatchNormV3(
            x=tf.reshape(by_place, (1, places, 1, count * channels)),
            scale=tf.tile(gamma, [count]),
            offset=tf.tile(beta, [count]),
            mean=none,
            variance=none,
            epsilon=self.epsilon,
            is_training=True,
        )
        by_image = tf.transpose(
            tf.reshape(outputs.y, (places, count, channels)), (1, 0, 2)
        )
        return tf.reshape(by_image, (count, height, width, channels))

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "epsilon": self.epsilon}
