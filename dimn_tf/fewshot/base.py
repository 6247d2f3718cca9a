"""What a few-shot method is: trained on classes, tested on episodes of others."""

import abc
from typing import ClassVar

import tensorflow as tf

from dimn_tf import errors, losses
from dimn_tf.data import batch_request
from dimn_tf.methods import base, fast_weights, replica_context, trainable


class FewShotMethod(trainable.Trainable):
    """Tells N unseen classes apart by K support images of each.

    What it is trained on is a batch of `Trainable` whose identities are classes.
    """

    statistics: ClassVar[tuple[str, ...]] = ("moving", "query", "episode")
    """Batch norm's statistics that it can be tested with; the published one first."""

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

    @tf.function(reduce_retracing=True)
    def episode_scores(self, support, queries, statistics: str):
        """`scores_of_images`, compiled, of uint8 images."""
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
        return of_statistics(
            features_with(self.encoder, statistics),
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
            drawn = tf.random.stateless_uniform(
                [task.shape[0]], tf.stack([self.seed, step])
            )
            task = tf.gather(task, tf.argsort(drawn))
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


def features_with(encoder, statistics: str):
    """A function of images, with an encoder's weights, that moves no moving average.

    Args:
        encoder: Of features.
        statistics: "moving": batch norm's averages; else those of the images given.
    """
    if statistics == "moving":
        return lambda images: encoder(images, training=False)
    held = fast_weights.FastWeights([encoder])
    weights, averages = held.own(), held.own_statistics()
    return lambda images: held.call(encoder, images, weights, averages, training=True)[
        0
    ]


def of_statistics(features, scores_of_features, support, queries, statistics):
    """Scores whose features are normalised by images of the episode.

    No moving average is moved.

    Args:
        features: Images -> features; see `features_with`.
        scores_of_features: See `FeatureMethod`.
        support: float32 [N, K, H, W, 3].
        queries: float32 [M, H, W, 3].
        statistics: "moving"; "episode": of the support among itself, and of all
            queries; "query": of the support and one query at a time.
    """
    ways, shots = support.shape[:2]
    flat = tf.reshape(support, (ways * shots, *support.shape[2:]))
    if statistics == "query":

        def one(both):
            by_class = tf.reshape(both[:-1], (ways, shots, -1))
            return scores_of_features(by_class, both[-1:])[0]

        return with_each(flat, queries, lambda images: one(features(images)))
    by_class = tf.reshape(features(flat), (ways, shots, -1))
    return scores_of_features(by_class, features(queries))


def with_each(support, queries, function):
    """A function of the support images together with one query after the other.

    Args:
        support: float32 [n, H, W, 3].
        queries: float32 [M, H, W, 3].
        function: [n + 1, H, W, 3], the query the last one -> float32 [N].

    Returns:
        float32 [M, N].
    """

    def one(query):
        return function(tf.concat([support, query[tf.newaxis]], axis=0))

    return tf.map_fn(one, queries, fn_output_signature=tf.float32)


def same_ways(options, method: str) -> None:
    """Refuses training tasks of other ways than the test's.

    Raises:
        errors.UserError: names both flags.
    """
    if options.classes != options.ways:
        raise errors.UserError(
            f"--train_ways={options.train_ways}: --method={method} has an output for "
            f"each class of a task, so that it is trained with --ways={options.ways}. "
            "Leave the flag out, or give both alike."
        )
