"""DIMN on classes: the classifier of a class predicted from its support images."""

import dataclasses
from typing import ClassVar

import tensorflow as tf

from dimn_tf.fewshot import base, options
from dimn_tf.methods import dimn


@dataclasses.dataclass(frozen=True)
class DIMNOptions(options.TrainedOnceOptions, dimn.DIMNOptions):
    """DIMN's constants, and the episodes'."""


class DIMN(base.FeatureMethod, dimn.DIMN):
    """`methods.DIMN` with classes for persons; K support images are averaged.

    that_k = h(mean_i g(x_ki)); a query's class is argmax_k that_k . g(x). The paper
    does not say how several images of a class are put together; ours: as PPA does it,
    before the mapping.

    Reference: Song et al., CVPR 2019, section 4.4 and Table 8.
    """

    Options = DIMNOptions
    defaults: ClassVar[dict[str, object]] = {"train_ways": 32}
    unused: ClassVar[tuple[str, ...]] = base.UNUSED_BY_PAIRS
    other_classes: ClassVar[int] = 1  # Else W is never read.

    @classmethod
    def batch_request(cls, data, options):
        """A gallery and a probe image of each of C_b classes; see `Trainable`."""
        del data
        return base.pairs(options)

    def scores_of_features(self, support, queries):
        """that_k . g(x); see `FeatureMethod`."""
        classifiers = self.gallery_representation(tf.reduce_mean(support, axis=-2))
        return self.score(self.probe_representation(queries), classifiers)
