"""The paper's first baseline: an encoder and a classifier on all domains' images."""

from typing import ClassVar

import tensorflow as tf

from dimn_tf import losses
from dimn_tf.methods import base


class Aggregation(base.Method):
    """ "Agg MobileNetV2" of the paper's Table 2.

    One softmax over the identities of all source domains, cross entropy on every
    image of the batch (gallery and probe images alike, so that it sees the same
    images as DIMN), Euclidean distance between features at test.

    Reference: Song et al., CVPR 2019, section 4.2.
    """

    Options = base.ClassifierOptions
    score_name: ClassVar[str] = "euclidean"

    def train_step(self, batch):
        """One iteration of cross entropy; see `Method.train_step`."""
        labels = tf.concat([batch["labels"]] * 2, axis=0)
        images = tf.concat([batch["gallery"], batch["probe"]], axis=0)
        with tf.GradientTape() as tape:
            logits = self.classifier(self.encoder(images, training=True))
            loss = losses.identification_loss(
                logits, labels, self.options.label_smoothing
            )
        self.minimise(tape, loss)
        return base.batch_means(
            {
                "loss": loss,
                "identification": loss,
                "identification_accuracy": base.correct(logits, labels),
            },
            tf.shape(labels)[0],
        )

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
