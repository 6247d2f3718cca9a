"""The paper's first baseline: an encoder and a classifier on all domains' images."""

import dataclasses
from typing import ClassVar

import tensorflow as tf

from dimn_tf import losses
from dimn_tf.methods import base, batch_hard, euclidean, replica_context


@dataclasses.dataclass(frozen=True)
class AggregationOptions(base.FeatureTripletOptions, base.ClassifierOptions):
    """Options of the classifier, and of a triplet loss beside it."""


class Aggregation(euclidean.EuclideanMethod):
    """ "Agg MobileNetV2" of the paper's Table 2.

    One softmax over the identities of all source domains, cross entropy on every
    image of the batch, Euclidean distance between features at test.

    Reference: Song et al., CVPR 2019, section 4.2.
    """

    Options = AggregationOptions
    # One domain a step is Algorithm 1, which is DIMN's: the paper trains this baseline
    # on the domains put together.
    defaults: ClassVar[dict[str, str]] = {"domain_sampling": "all"}

    @classmethod
    def batch_request(cls, data, options):
        """As the shared options say; see `Method.batch_request`."""
        if options.feature_triplet_weight:
            batch_hard.refuse_single_images(data)
        return super().batch_request(data, options)

    def build_training(self, labels, request):
        """Makes f_theta; see `Method.build_training`."""
        super().build_training(labels, request)
        self.classifier = self.add_classifier(
            "classifier", labels.num_identities, self.seed, self.options.classifier_bias
        )

    def train_step(self, batch):
        """One iteration of cross entropy; see `Method.train_step`."""
        images, labels = base.image_by_image(batch)
        with tf.GradientTape() as tape:
            pooled, features = self.encoder.pooled_and_features(images, training=True)
            logits = self.classifier(features)
            identification = losses.identification_loss(
                logits, labels, self.options.label_smoothing
            )
            loss, more = identification, {}
            if self.options.feature_triplet_weight:
                triplet, *_ = batch_hard.loss(
                    tf.cast(pooled, tf.float32),
                    labels,
                    self.options.feature_triplet_margin,
                )
                more["feature_triplet"] = triplet
                loss += self.options.feature_triplet_weight * triplet
        self.minimise(tape, loss)
        return replica_context.batch_means(
            {
                "loss": loss,
                "identification": identification,
                **more,
                "identification_accuracy": base.correct(logits, labels),
            },
            tf.shape(labels)[0],
        )
