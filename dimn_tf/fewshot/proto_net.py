"""Prototypical networks: the nearest mean of a class' support."""

from typing import ClassVar

import tensorflow as tf

from dimn_tf.fewshot import base, options
from dimn_tf.methods import squared_distances


class ProtoNet(base.FeatureEpisodicMethod):
    """c_k = mean_i f(x_ki); p(k | x) = softmax_k(-|f(x) - c_k|^2).

    Training tasks have more ways than the test's, and its shots.

    Reference: Snell, Swersky, Zemel, "Prototypical Networks for Few-shot Learning",
        NIPS 2017, Eq. 1 and 2; code jakesnell/prototypical-networks (c9bb4d2).
    """

    Options = options.EpisodeOptions
    # 30 for 1-shot and 20 for 5-shot in the paper, of 15 queries each.
    defaults: ClassVar[dict[str, object]] = {"train_ways": 20}

    def scores_of_features(self, support, queries):
        """-|f(x) - c_k|^2; see `FeatureMethod`."""
        prototypes = tf.reduce_mean(support, axis=-2)
        return -squared_distances.of_pairs(queries, prototypes)
