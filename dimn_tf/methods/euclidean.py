"""What methods share whose features are ranked by their Euclidean distance."""

from typing import ClassVar

from dimn_tf.methods import base, squared_distances


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
        return -squared_distances.of_pairs(probes, gallery)
