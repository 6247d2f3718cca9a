"""Reptile: towards where a few steps on each task lead."""

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from dimn_tf import config, losses
from dimn_tf.data import batch_request
from dimn_tf.methods import (
    base,
    drawn_order,
    euclidean,
    fast_weights,
    inner_adam,
    replica_context,
)

HEADS = ("task", "fresh", "identities")


@dataclasses.dataclass(frozen=True)
class ReptileOptions(base.SmoothingOptions):
    """Reptile's constants; the official code's unless it says otherwise."""

    reptile_inner_steps: int = config.option(
        2,
        "k, inner steps on a task, each on one image of its identities, in turn; ours: "
        "2, so that each image is seen once (Reptile: 8 batches of 10).",
        least=1,
    )
    reptile_inner_rate: float = config.option(
        1e-3, "Of the inner Adam; Reptile: 1e-3.", least=1e-12
    )
    reptile_step_start: float = config.option(
        1.0, "epsilon, the outer step, of the first step; Reptile: 1.", least=0, most=1
    )
    reptile_step_end: float = config.option(
        0.0, "epsilon after the last step, reached linearly; Reptile: 0.", least=0
    )
    reptile_head: str = config.option(
        "task",
        "The classifier of a task: part of the weights, the identities in an order "
        "drawn for each task (task, Reptile's); drawn anew for each (fresh); or one of "
        "all identities, part of the weights (identities). Ours: the paper is silent.",
        choices=HEADS,
    )


class Reptile(euclidean.EuclideanMethod):
    """First-order meta-learning: theta + epsilon mean_i (theta~_i - theta).

    theta~_i is theta after k steps of Adam (beta_1 = 0) on task i, whose second moments
    go on from task to task. A task is P identities of one source domain, one domain
    after the other; every step has one task of each. The moving averages of batch norm
    are moved by the same epsilon, so that they belong to the weights that are kept
    (ours; estimating them anew by passes of theta would need images before each test).

    DIMN's paper compares with it and says nothing of tasks, heads or steps.

    Reference: Nichol, Achiam, Schulman, "On First-Order Meta-Learning Algorithms",
        arXiv 1803.02999, Algorithm 2; code openai/supervised-reptile (8f2b71c).
    """

    Options = ReptileOptions
    # The outer update is no gradient that a loss scale could be taken off again.
    precisions: ClassVar[tuple[str, ...]] = ("float32", "mixed_bfloat16")
    unused: ClassVar[tuple[str, ...]] = (
        "domain_sampling",
        "learning_rate_start",
        "learning_rate_end",
        "learning_rate_decay",
        "warmup_steps",
        "adam_epsilon",
        "weight_decay",
    )

    @classmethod
    def batch_request(cls, data, options):
        """A batch of each source domain; see `Method.batch_request`."""
        request = super().batch_request(data, options)
        return dataclasses.replace(
            request,
            domain_sampling=batch_request.EACH,
            batches=len(data.sources),
        )

    @classmethod
    def steps_of_budget(cls, images, request, options, training_images=None):
        """An image counts at each inner step on it; see `Method`."""
        del training_images
        return -(-images // cls.images_a_step(request, options))

    @classmethod
    def images_seen(cls, step, train_steps, request, options, training_images=None):
        """An image counts at each inner step on it; see `Method`."""
        del train_steps, training_images
        return step * cls.images_a_step(request, options)

    @classmethod
    def images_a_step(cls, request, options) -> int:
        """Images that a step sees, each as often as an inner step does."""
        return request.batches * request.identities * options.reptile_inner_steps

    @classmethod
    def classifies_all(cls, options):
        """By the head; see `Method.classifies_all`."""
        return options.reptile_head == "identities"

    def own_optimizer(self, train_steps):
        """A plain step of epsilon, which falls linearly."""
        options = self.options
        return keras.optimizers.SGD(
            keras.optimizers.schedules.PolynomialDecay(
                options.reptile_step_start, train_steps, options.reptile_step_end
            ),
            name="optimizer",
        )

    def build_training(self, labels, request):
        """Makes the head and the inner Adam's state; see `Method.build_training`."""
        super().build_training(labels, request)
        if self.options.reptile_head == "fresh":
            layers = [self.encoder]  # The head is drawn in the step, and not kept.
        else:
            by_identity = self.options.reptile_head == "identities"
            units = labels.num_identities if by_identity else request.identities
            self.classifier = self.add_classifier("classifier", units, self.seed, True)
            layers = [self.encoder, self.classifier]
        self._fast = fast_weights.FastWeights(layers)
        self.second_moments = inner_adam.SecondMoments(
            self._fast.variables, _fresh_shapes(self)
        )

    def train_step(self, batch):
        """One outer step; see `Method.train_step`."""
        if self.request.batches == 1:
            batch = {name: values[tf.newaxis] for name, values in batch.items()}
        theta, statistics = self._fast.own(), self._fast.own_statistics()
        moments = self.second_moments.values()
        moved, sums = [], []
        for task in range(self.request.batches):
            of_task = {name: values[task] for name, values in batch.items()}
            weights, after, moments, found = self._inner_steps(
                of_task, task, theta, statistics, moments
            )
            moved.append((weights, after))
            sums.append(found)
        self.second_moments.assign(moments)
        self._outer_step(theta, statistics, moved)
        means = {k: tf.add_n([s[k] for s in sums]) / len(sums) for k in sums[0]}
        return replica_context.batch_means(means, tf.shape(batch["labels"])[1])

    def _outer_step(self, theta, statistics, moved):
        count = len(moved)
        epsilon = self.optimizer.learning_rate
        for i, (variable, old) in enumerate(
            zip(self._fast.statistics, statistics, strict=True)
        ):
            # Of what no inner step moves (frozen stages), exactly nothing is left.
            change = tf.add_n([after[i] - old for _, after in moved]) / count
            variable.assign(old + epsilon * change)
        replicas, _ = replica_context.replica_of()
        # The optimiser adds up the replicas' "gradients", which are all the same.
        outer = [
            (old - tf.add_n([weights[i] for weights, _ in moved]) / count) / replicas
            for i, old in enumerate(theta)
        ]
        self.optimizer.apply_gradients(zip(outer, self._fast.variables, strict=True))

    def _inner_steps(self, of_task, task, theta, statistics, moments):
        """k steps of Adam on a task.

        Returns:
            Weights, moving averages and second moments after them, and sums over the
            task's rows, the steps' mean.
        """
        options = self.options
        columns_of_task = self.columns_of(of_task["labels"], task)
        replicas, _ = replica_context.replica_of()
        rows = tf.cast(tf.shape(columns_of_task)[0], tf.float32)
        weights, head = list(theta), self._fresh_head(task)
        sums = []
        for k in range(options.reptile_inner_steps):
            images, columns = self.inner_batch(of_task, columns_of_task, task, k)
            own_count = tf.cast(tf.shape(columns)[0], tf.float32)
            count = own_count * replicas
            with tf.GradientTape() as tape:
                tape.watch([*weights, *head])
                features, statistics = self._fast.call(
                    self.encoder, images, weights, statistics, training=True
                )
                if head:
                    logits = tf.matmul(tf.cast(features, tf.float32), head[0]) + head[1]
                else:
                    logits, _ = self._fast.call(
                        self.classifier, features, weights, statistics
                    )
                loss = losses.identification_loss(
                    logits, columns, options.label_smoothing
                )
                mean = loss / count
            gradients = replica_context.summed(tape.gradient(mean, [*weights, *head]))
            done = tf.cast(self.optimizer.iterations, tf.float32) * (
                self.request.batches * options.reptile_inner_steps
            ) + (task * options.reptile_inner_steps + k + 1)
            moved, moments = inner_adam.step(
                [*weights, *head], gradients, moments, done, options.reptile_inner_rate
            )
            weights, head = moved[: len(weights)], moved[len(weights) :]
            # As sums over the task's identities, whatever a step takes of them.
            share = rows / own_count
            sums.append(
                {
                    "loss": share * loss,
                    "identification": share * loss,
                    "identification_accuracy": share * base.correct(logits, columns),
                }
            )
        means = {
            name: tf.add_n([s[name] for s in sums]) / len(sums) for name in sums[0]
        }
        return weights, statistics, moments, means

    def inner_batch(self, of_task, columns, task, k):
        """What an inner step takes of a task: here an image of each identity, in turn.

        Args:
            of_task: The task's part of the batch.
            columns: int32 [P], the head's column of each identity.
            task: Its number in the step.
            k: The inner step's, 0, 1, ...

        Returns:
            Images [n, H, W, 3] and their columns [n].
        """
        del task
        return of_task["images"][:, k % self.request.images_per_identity], columns

    def task_seed(self, task):
        """Of what is drawn for a task of this step."""
        step = tf.cast(self.optimizer.iterations, tf.int32)
        return tf.stack([self.seed, step * self.request.batches + task])

    def columns_of(self, labels, task):
        """The head's column of each of this replica's identities."""
        if self.options.reptile_head == "identities":
            return labels
        replicas, replica = replica_context.replica_of()
        share = self.request.identities // replicas
        order = drawn_order.of_seed(self.request.identities, self.task_seed(task))
        return order[replica * share : (replica + 1) * share]

    def _fresh_head(self, task):
        if self.options.reptile_head != "fresh":
            return []
        kernel_shape, bias_shape = _fresh_shapes(self)
        limit = (6.0 / sum(kernel_shape)) ** 0.5  # Glorot's.
        kernel = tf.random.stateless_uniform(
            kernel_shape, self.task_seed(task), -limit, limit
        )
        return [kernel, tf.zeros(bias_shape)]


def _fresh_shapes(method) -> list[tuple[int, ...]]:
    if method.options.reptile_head != "fresh":
        return []
    units = method.request.identities
    return [(method.feature_dimension, units), (units,)]
