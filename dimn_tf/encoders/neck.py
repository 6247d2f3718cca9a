"""The neck: a batch norm without shift on the pooled feature."""

import keras
import tensorflow as tf

from dimn_tf.encoders import fused_batch_norm

NAME = "neck"
"""Of an encoder's, by which checkpoints know it."""


class Neck(fused_batch_norm.FusedBatchNormalization):
    """Centres a feature's dimensions and gives them like variances; learns no shift.

    Input and output: float32 [n, D]. At test it is affine in the feature, so that it
    may as well be applied to each place of a feature map before the mean over them.
    Its epsilon is Keras' 1e-3 (ours; the paper's code has its library's).

    Reference: Luo et al., "Bag of Tricks and A Strong Baseline for Deep Person
        Re-identification" (BNNeck), CVPR Workshops 2019, section 3.
    """

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "center": False, "dtype": "float32"})

    def build(self, input_shape):
        """Makes the variables: [n, D]."""
        super().build((None, 1, 1, input_shape[-1]))
        self.input_spec = keras.layers.InputSpec(ndim=2, axes={-1: input_shape[-1]})

    def call(self, inputs, training=None, mask=None):
        """Normalised features, [n, D]."""
        as_places = tf.cast(inputs, tf.float32)[:, tf.newaxis, tf.newaxis, :]
        return super().call(as_places, training=training, mask=mask)[:, 0, 0, :]

    def of_places(self, maps):
        """At test, each place's share in the feature: float32 [n, h, w, D] -> same."""
        return super().call(tf.cast(maps, tf.float32), training=False)
