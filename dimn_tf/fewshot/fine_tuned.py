"""Methods whose own weights a task moves, with an output for each of its classes."""

import abc
from typing import ClassVar

import tensorflow as tf

from dimn_tf import errors
from dimn_tf.fewshot import base
from dimn_tf.methods import fast_weights


class FineTunedMethod(base.EpisodicMethod):
    """One whose own weights a task moves: an encoder and an output for each class.

    Both are part of what is matched by, and are computed with the weights of a task.
    """

    # Half precision's second derivatives and inner steps are not to be had.
    precisions: ClassVar[tuple[str, ...]] = ("float32",)

    def __init__(self, encoder, options, seed=0, name=None):
        super().__init__(encoder, options, seed, name)
        self.classifier = self.add_classifier("classifier", options.ways, seed, True)
        if options.zero_output:
            self.classifier.kernel.assign(tf.zeros_like(self.classifier.kernel))
        self._fast = fast_weights.FastWeights([encoder, self.classifier])

    @classmethod
    def batch_request(cls, data, options):
        """Tasks of as many ways as the test's; see `FewShotMethod`."""
        same_ways(options, cls.__name__)
        return super().batch_request(data, options)

    @property
    def matching_layers(self):
        """The output layer."""
        return (self.classifier,)

    def minimise(self, tape, loss, variables=None):
        """A step on the mean over tasks and queries, whose gradient is clipped."""
        options = self.options
        count = options.tasks * options.classes * options.train_queries
        with tape:
            mean = loss / count
        variables = self.trainable_variables if variables is None else variables
        clipped = self.clipped(tape.gradient(mean, variables))
        self.optimizer.apply_gradients(zip(clipped, variables, strict=True))

    @abc.abstractmethod
    def clipped(self, gradients):
        """The outer gradients, as the method limits them."""


def same_ways(options, name: str) -> None:
    """Refuses training tasks of other ways than the test's.

    Raises:
        errors.UserError: names both flags.
    """
    if options.classes != options.ways:
        raise errors.UserError(
            f"--train_ways={options.train_ways}: {name} has an output for each class "
            f"of a task, so that it is trained with --ways={options.ways}. Leave the "
            "flag out, or give both alike."
        )
