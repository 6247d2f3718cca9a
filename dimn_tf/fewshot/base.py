"""What a few-shot method is: trained on classes, tested on episodes of others."""

import abc
from typing import ClassVar

import tensorflow as tf

from dimn_tf import losses
from dimn_tf.data import batch_request
from dimn_tf.fewshot import episode_statistics
from dimn_tf.methods import base, drawn_order, replica_context, trainable


class FewShotMethod(trainable.Trainable):
    """Tells N unseen classes apart by K support images of each.

    What it is trained on is a batch of `Trainable` whose identities are classes.
    """

    statistics: ClassVar[tuple[str, ...]] = ("moving", "query", "episode")
    """Batch norm's statistics that it can be tested with; the published one first."""

    tested_with: ClassVar[tuple[str, ...]] = ()
    """Own options, by flag name, of its test alone; validation hangs on them too."""

    other_classes: ClassVar[int] = 0
    """Training classes that there have to be beside those of a step."""

    @classmethod
    def batch_request(cls, data, options):
        """`train_ways` classes, support and queries of each, for each task."""
        del data
        return batch_request.BatchRequest(
            identities=options.classes,
            images_per_identity=options.shots + options.train_queries,
            domain_sampling="all",
            batches=options.tasks,
        )

    @abc.abstractmethod
    def scores_of_images(self, support, queries, statistics: str):
        """Scores of one test episode, from its images.

        Args:
            support: float32 [N, K, H, W, 3] in 0..255.
            queries: float32 [M, H, W, 3].
            statistics: One of the class's `statistics`.

        Returns:
            float32 [M, N], the likelier class the higher.
        """

    @tf.function
    def episode_scores(self, support, queries, statistics: str):
        """`scores_of_images`, compiled for each N, K and M, of uint8 images."""
        return self.scores_of_images(
            tf.cast(support, tf.float32), tf.cast(queries, tf.float32), statistics
        )


class FeatureMethod(FewShotMethod):
    """One whose encoder stays as it is at test: images are encoded once for all."""

    @abc.abstractmethod
    def scores_of_features(self, support, queries):
        """Scores of episodes, from their images' features.

        Args:
            support: float32 [..., N, K, D].
            queries: float32 [..., M, D].

        Returns:
            float32 [..., M, N], the likelier class the higher.
        """

    @tf.function(reduce_retracing=True)
    def features(self, images):
        """At test, with moving averages: float32 [n, H, W, 3] -> [n, D]."""
        return self.encoder(images, training=False)

    def scores_of_images(self, support, queries, statistics):
        """See `FewShotMethod`; with statistics of the episode's images."""
        return episode_statistics.of_statistics(
            episode_statistics.features_with(self.encoder, statistics),
            self.scores_of_features,
            support,
            queries,
            statistics,
        )


class EpisodicMethod(FewShotMethod):
    """One whose training step is a few episodes: the mean cross entropy of queries."""

    @abc.abstractmethod
    def training_logits(self, support, queries):
        """Logits of a training task's queries.

        Args:
            support: float32 [N, K, H, W, 3] in 0..255.
            queries: float32 [N Q, H, W, 3], class by class.

        Returns:
            float32 [N Q, N].
        """

    def tasks_of(self, batch):
        """Support [N, K, ...] and queries [N Q, ...] of each task of a batch.

        Classes are put in an order drawn for each task: the sampler's is none to learn
        a column of an output by.
        """
        images, shots = batch["images"], self.options.shots
        tasks = tf.unstack(images) if self.request.leading else [images]
        for i, task in enumerate(tasks):
            step = tf.cast(self.optimizer.iterations, tf.int32) * len(tasks) + i
            seed = tf.stack([self.seed, step])
            order = drawn_order.of_seed(task.shape[0], seed)
            task = tf.gather(task, order)
            queries = task[:, shots:]
            yield task[:, :shots], tf.reshape(queries, (-1, *queries.shape[2:]))

    def train_step(self, batch):
        """One iteration; see `Trainable.train_step`."""
        classes, each = self.options.classes, self.options.train_queries
        labels = tf.repeat(tf.range(classes), each)
        with tf.GradientTape() as tape:
            logits = [self.training_logits(*task) for task in self.tasks_of(batch)]
            loss = tf.add_n([losses.identification_loss(l, labels) for l in logits])
        self.minimise(tape, loss)
        correct = tf.add_n([base.correct(l, labels) for l in logits])
        return replica_context.batch_means(
            {"loss": loss, "accuracy": correct}, len(logits) * classes * each
        )


class FeatureEpisodicMethod(EpisodicMethod, FeatureMethod):
    """Both: in training, all images of a task are normalised together."""

    def training_logits(self, support, queries):
        """Scores of the features; see `EpisodicMethod`."""
        ways, shots = support.shape[:2]
        flat = tf.reshape(support, (ways * shots, *support.shape[2:]))
        both = self.encoder(tf.concat([flat, queries], axis=0), training=True)
        by_class = tf.reshape(both[: ways * shots], (ways, shots, -1))
        return self.scores_of_features(by_class, both[ways * shots :])


UNUSED_BY_PAIRS = ("tasks", "train_queries")
"""What a method of `pairs` takes no account of."""


def pairs(options) -> batch_request.BatchRequest:
    """Two images of each of some classes, as DIMN and PPA are trained."""
    return batch_request.BatchRequest(identities=options.classes, domain_sampling="all")
