"""What methods share whose features are ranked by their Euclidean distance."""

from typing import ClassVar

import tensorflow as tf

from dimn_tf.methods import base


class EuclideanMethod(base.Method):
    """Matches features as they are; the paper ranks its conventional baselines so.

    Reference: Song et al., CVPR 2019, section 4.2.
    """

    score_name: ClassVar[str] = "euclidean"

    def probe_representation(self, features):
        """The feature itself."""
        return features

    def gallery_representation(self, features):
        """The feature itself."""
        return features

    def score(self, probes, gallery):
        """Negative squared Euclidean distance (its ranking is the distance's)."""
        return -(
            tf.reduce_sum(tf.square(probes), axis=-1)[:, tf.newaxis]
            - 2.0 * tf.matmul(probes, gallery, transpose_b=True)
            + tf.reduce_sum(tf.square(gallery), axis=-1)[tf.newaxis, :]
        )
