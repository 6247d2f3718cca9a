"""PPA on classes: a classifier predicted from activations of a fixed encoder."""

import dataclasses
from typing import ClassVar

import tensorflow as tf

from dimn_tf.fewshot import base, options
from dimn_tf.methods import ppa


@dataclasses.dataclass(frozen=True)
class PPAOptions(options.TrainedOnceOptions, ppa.PPAOptions):
    """PPA's constants, and the episodes'."""


class PPA(base.FeatureMethod, ppa.PPA):
    """`methods.PPA` with classes for persons: phi(mean_i a(x_ki)) . a(x).

    Its own runs train on 80 classes, validation's among them; ours on the 64.

    Reference: Qiao et al., "Few-Shot Image Recognition by Predicting Parameters from
        Activations", CVPR 2018, section 3; code joe-siyuan-qiao/FewShot-CVPR (d3a9824).
    """

    Options = PPAOptions
    defaults: ClassVar[dict[str, object]] = {"train_ways": 32}
    unused: ClassVar[tuple[str, ...]] = base.UNUSED_BY_PAIRS

    @classmethod
    def batch_request(cls, data, options):
        """Two images of each of some classes; see `Trainable`."""
        del data
        return base.pairs(options)

    def scores_of_features(self, support, queries):
        """phi(mean_i a(x_ki)) . a(x); see `FeatureMethod`."""
        classifiers = self.gallery_representation(tf.reduce_mean(support, axis=-2))
        return self.score(self.probe_representation(queries), classifiers)
