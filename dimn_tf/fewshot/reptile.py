"""Reptile on classes: towards where some steps on each task lead; the same at test."""

import dataclasses
from typing import ClassVar

import tensorflow as tf

from dimn_tf import config, losses
from dimn_tf.data import batch_request
from dimn_tf.fewshot import base, episode_statistics, fine_tuned, options
from dimn_tf.methods import drawn_order, fast_weights, inner_adam, reptile, trainable


@dataclasses.dataclass(frozen=True)
class ReptileOptions(options.TrainedOnceOptions, reptile.ReptileOptions):
    """Reptile's constants, and the episodes'; its official code's."""

    reptile_inner_steps: int = config.option(
        8, "k, inner steps on a training task; Reptile: 8.", least=1
    )
    reptile_train_shots: int = config.option(
        15, "Images of each class of a training task; Reptile: 15.", least=1
    )
    reptile_batch: int = config.option(
        10, "Images of an inner step in training; Reptile: 10.", least=1
    )
    reptile_test_steps: int = config.option(
        50, "Inner steps at test; Reptile: 50.", changes_result=False, least=1
    )
    reptile_test_batch: int = config.option(
        0,
        "Images of an inner step at test; 0: 5 with one shot, else 15.",
        changes_result=False,
        least=0,
    )
    reptile_head: str = config.option(
        "task",
        "The output layer: part of the weights, with classes in an order drawn for "
        "each task; Reptile's.",
        choices=("task",),
    )


class Reptile(base.FewShotMethod, reptile.Reptile):
    """`methods.Reptile` on tasks of N classes, fine-tuned on an episode's support.

    A training task has more images of a class than the test's support and no queries;
    1-shot and 5-shot are trained alike. At test the inner Adam goes on from the second
    moments that training left. Batch norm's statistics are those of the images at hand:
    with the published test, of the support and one query.

    Reference: Nichol, Achiam, Schulman, "On First-Order Meta-Learning Algorithms",
        arXiv 1803.02999; code openai/supervised-reptile (8f2b71c).
    """

    Options = ReptileOptions
    defaults: ClassVar[dict[str, object]] = {"encoder_width": 0.5, "tasks": 5}
    statistics: ClassVar[tuple[str, ...]] = ("query", "episode")
    tested_with: ClassVar[tuple[str, ...]] = (
        "reptile_test_steps",
        "reptile_test_batch",
    )
    unused: ClassVar[tuple[str, ...]] = (*reptile.Reptile.unused, "train_queries")
    precisions: ClassVar[tuple[str, ...]] = ("float32",)

    def __init__(self, encoder, options, seed=0, name=None):
        super().__init__(encoder, options, seed, name)
        self.classifier = self.add_classifier("classifier", options.ways, seed, True)
        self._fast = fast_weights.FastWeights([encoder, self.classifier])
        self.second_moments = inner_adam.SecondMoments(self._fast.variables)

    @classmethod
    def batch_request(cls, data, options):
        """Some tasks of N classes; see `Trainable`."""
        del data
        fine_tuned.same_ways(options, cls.__name__)
        return batch_request.BatchRequest(
            identities=options.ways,
            images_per_identity=options.reptile_train_shots,
            domain_sampling="all",
            batches=options.tasks,
        )

    @classmethod
    def images_a_step(cls, request, options):
        """Of the inner steps of all tasks; see `methods.Reptile`."""
        return request.batches * options.reptile_inner_steps * options.reptile_batch

    def build_training(self, labels, request):
        """Makes nothing more: output layer and inner Adam's state are of the test."""
        trainable.Trainable.build_training(self, labels, request)

    @property
    def matching_layers(self):
        """The output layer and the inner Adam's state."""
        return (self.classifier, self.second_moments)

    def inner_batch(self, of_task, columns, task, k):
        """Images in an order drawn for the task, the next ones each time."""
        images = of_task["images"]
        flat = tf.reshape(images, (-1, *images.shape[2:]))
        of_images = tf.repeat(columns, images.shape[1])
        size = self.options.reptile_batch
        places = _in_turn(flat.shape[0], size, k, self.task_seed(task))
        return tf.gather(flat, places), tf.gather(of_images, places)

    def scores_of_images(self, support, queries, statistics):
        """Logits after the test's inner steps; see `FewShotMethod`."""
        options = self.options
        ways, shots = support.shape[:2]
        flat = tf.reshape(support, (ways * shots, *support.shape[2:]))
        labels = tf.repeat(tf.range(ways), shots)
        size = options.reptile_test_batch or (5 if shots == 1 else 15)
        weights, averages = self._fast.own(), self._fast.own_statistics()

        def logits_of(images, weights):
            return self._fast.logits(images, weights, averages, True)[0]

        def inner_step(k, weights, moments):
            places = _in_turn(ways * shots, size, k, tf.constant([self.seed, 0]))
            with tf.GradientTape() as tape:
                tape.watch(weights)
                logits = logits_of(tf.gather(flat, places), weights)
                loss = losses.identification_loss(logits, tf.gather(labels, places))
                mean = loss / size
            gradients = tape.gradient(mean, weights)
            # So many steps were done in training that no correction is left.
            moved, moments = inner_adam.step(
                weights, gradients, moments, 1e9, options.reptile_inner_rate
            )
            return k + 1, moved, moments

        _, weights, _ = tf.while_loop(
            lambda k, *_: k < options.reptile_test_steps,
            inner_step,
            (tf.constant(0), weights, self.second_moments.values()),
        )
        if statistics == "episode":
            return logits_of(queries, weights)
        return episode_statistics.with_each(
            flat, queries, lambda both: logits_of(both, weights)[-1]
        )


def _in_turn(count: int, size: int, k, seed):
    """Places of the k-th batch: all in a drawn order, then all in another one, ...

    Args:
        count: How many there are.
        size: Of a batch.
        k: 0, 1, ..., a number or a scalar.
        seed: int32 [2].

    Returns:
        int32 [size].
    """
    positions = k * size + tf.range(size)
    rounds, within = positions // count, positions % count

    def of_round(i):
        return drawn_order.of_seed(
            count, tf.random.experimental.stateless_fold_in(seed, i)
        )

    first = rounds[0]
    # A batch reaches into at most so many rounds.
    orders = tf.stack([of_round(first + i) for i in range(-(-size // count) + 1)])
    return tf.gather_nd(orders, tf.stack([rounds - first, within], axis=-1))
