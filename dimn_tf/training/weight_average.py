"""The mean of the weights over the end of a run, with batch statistics of its own."""

from collections.abc import Callable, Iterable, Sequence

import keras
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.training import loop

STATISTICS_BATCHES = 100
"""Batches that batch norm's moving averages are estimated from anew; ours."""


class WeightAverage(keras.layers.Layer):
    """The running mean of some variables after each step, from one step on:

        n <- n + 1;  mean <- mean + (w - mean) / n.

    Args:
        variables: What is averaged: trained, float32.
        first_step: Steps 1, ..., first_step are left out.

    Reference: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better
        Generalization", UAI 2018, Algorithm 1 (with a falling learning rate in place of
        its cyclical or constant one).
    """

    def __init__(self, variables: Sequence[keras.Variable], first_step: int):
        super().__init__(name="average", dtype="float32")
        self.averaged = list(variables)
        self.first_step = first_step
        # Every replica computes the same: it sees all replicas' gradients.
        same = {
            "initializer": "zeros",
            "trainable": False,
            "aggregation": "only_first_replica",
        }
        self.step = self.add_weight(name="step", dtype="int64", **same)
        self.means = [
            self.add_weight(
                name=variable.path.replace("/", "_"), shape=variable.shape, **same
            )
            for variable in variables
        ]
        self.built = True

    def add(self) -> None:
        """Takes the weights after a step in; part of the step's graph."""
        step = tf.convert_to_tensor(self.step) + 1
        count = tf.cast(step - self.first_step, tf.float32)
        share = tf.where(count > 0, 1.0 / tf.maximum(count, 1.0), 0.0)
        self.step.assign(step)
        for mean, variable in zip(self.means, self.averaged, strict=True):
            held = tf.convert_to_tensor(mean)
            mean.assign(held + share * (tf.convert_to_tensor(variable) - held))

    def put_in_place(self) -> None:
        """Gives the variables their means."""
        for mean, variable in zip(self.means, self.averaged, strict=True):
            variable.assign(tf.convert_to_tensor(mean))


def asked_for(recipe, method, phases: int) -> WeightAverage | None:
    """The mean of a run's weights, where its recipe asks for one.

    Args:
        recipe: The run's `recipe.Recipe`.
        method: Built for training by it.
        phases: How many the run has.

    Raises:
        errors.UserError: the method trains in several phases.
    """
    share, steps = recipe.optimiser.average_weights_from, recipe.train_steps
    if share == 1:
        return None
    refuse_phases(recipe, method, phases)
    trained = [v for v in method.inference_variables if v.trainable]
    return WeightAverage(trained, min(round(share * steps), steps - 1))


def refuse_phases(recipe, method, phases: int) -> None:
    """Refuses what `asked_for` does.

    Args:
        recipe: The run's `recipe.Recipe`.
        method: Built by it, for training or for inference.
        phases: How many the run has.

    Raises:
        errors.UserError: the method trains in several phases.
    """
    share = recipe.optimiser.average_weights_from
    if share < 1 and (phases > 1 or not method.has_one_kind_of_step):
        raise errors.UserError(
            f"--average_weights_from={share:g}: --method={recipe.method} trains with "
            "these options in phases, of which later ones hang on the weights that "
            "earlier ones ended with. Leave the flag out."
        )


class Finish(loop.Hook):
    """At the run's last step, puts the means in place and estimates statistics anew.

    Batch norm's moving averages belong to the weights that the run had on the way;
    after it they are plain means over `STATISTICS_BATCHES` batches, which go through
    the method in training mode. It comes before the hook that saves, so that a
    checkpoint of the last step is of the means.

    Args:
        average: What is put in place.
        method: Whose statistics are estimated.
        batches: Gives batches as a step takes them.
        train_steps: The last step.
        log: Prints a line.
    """

    def __init__(
        self,
        average: WeightAverage,
        method,
        batches: Callable[[], Iterable],
        train_steps: int,
        log: Callable[[str], None] = print,
    ):
        self._average = average
        self._method = method
        self._batches = batches
        self._train_steps = train_steps
        self._log = log

    def look(self, look: loop.Look) -> None:
        """Does it where the end is reached."""
        if look.step != self._train_steps:
            return
        first = self._average.first_step
        self._log(
            f"Taking the mean of the weights after steps {first + 1:,} to "
            f"{look.step:,}; estimating batch statistics anew."
        )
        self._average.put_in_place()
        estimate_statistics(self._method, self._batches())


def estimate_statistics(method, batches: Iterable) -> None:
    """Makes batch norm's moving averages the mean over some batches.

    Args:
        method: Whose `statistics_step` is called.
        batches: As a step takes them.
    """
    norms = [
        layer
        for layer in method._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    momenta = [layer.momentum for layer in norms]

    @tf.function
    def step(batch, number, keep):
        for layer in norms:
            layer.momentum = keep
        method.statistics_step(batch, number)

    try:
        for i, batch in enumerate(batches):
            share = tf.constant(i / (i + 1), tf.float32)
            step(batch, tf.constant(i, tf.int64), share)
    finally:
        for layer, momentum in zip(norms, momenta, strict=True):
            layer.momentum = momentum
