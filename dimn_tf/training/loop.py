"""The loop: one step after another on the device, which the host looks at now and then.

It knows no person re-identification: few-shot episodes or any other batches go through
it alike. Keras' `fit` is not used, since its callbacks make the host fetch every scalar
of every step (a GPU then waits), and since it fails to reduce a step's scalars over
several machines (keras-team/keras #20585).
"""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Look:
    """What the host sees when it looks.

    Attributes:
        step: Steps done, of the whole run.
        steps: Steps done since the last look.
        means: Means of the step's scalars over those, in the order that the step gives
            them.
        seconds: What those steps took, with the wait for their batches and without
            what hooks did in between.
        is_first: Whether this is the first look, whose one step holds the compilation.
        is_last: Whether the loop ends with it: the run, or one of its phases.
    """

    step: int
    steps: int
    means: dict[str, float]
    seconds: float
    is_first: bool = False
    is_last: bool = False


class Hook:
    """Something that the host does where it looks.

    Attributes:
        every: There is a look at each multiple of these steps; 0: at no certain ones.
    """

    every: int = 0

    def begin(self, step: int) -> None:
        """Called before the first step of this process; `step` are done already."""

    def look(self, look: Look) -> None:
        """Called at every look, not only at multiples of `every`."""


class NonFiniteError(Exception):
    """A scalar of a step is NaN or infinite.

    Attributes:
        step: The first such step, 1, 2, ...
        values: Its scalars by name.
    """

    def __init__(self, step: int, values: dict[str, float]):
        super().__init__(f"step {step}: {values}")
        self.step = step
        self.values = values


def run(
    step_function: Callable[[Any], dict[str, tf.Tensor]],
    batches: Any,
    start: int,
    end: int,
    hooks: Sequence[Hook] = (),
    strategy: tf.distribute.Strategy | None = None,
    jit_compile: bool = False,
    steps_per_execution: int = 1,
    seconds_between_looks: float = 10.0,
    renewed: Callable[[int], Any] | None = None,
    renew_every: int = 0,
) -> None:
    """Does the steps start + 1, ..., end.

    The host looks after the first step, at the multiples that hooks ask for, at the
    end, and else every `seconds_between_looks`; in between nothing is fetched. Scalars
    are summed, and the first step at which one is not finite is found, on the device.

    Args:
        step_function: One step on a batch, in a replica's context; scalars by name,
            the same on all replicas.
        batches: A data set, or a distributed one, of at least end - start elements.
        start: Steps done already.
        end: Steps done in the end.
        hooks: In the order in which they are called.
        strategy: Of the devices; default: the one in scope.
        jit_compile: Whether XLA compiles the step.
        steps_per_execution: Steps between two returns to Python, at most; no look is
            missed by it.
        seconds_between_looks: Roughly.
        renewed: Gives the batches after some steps anew, of the same form.
        renew_every: It is called after each multiple of these steps, but for `start`
            and `end`; 0: never.

    Raises:
        NonFiniteError: at the look after such a step, before any hook sees it.
    """
    for hook in hooks:
        hook.begin(start)
    if start >= end:
        return
    device = _Device(step_function, batches, strategy, jit_compile, steps_per_execution)
    intervals = [hook.every for hook in hooks if hook.every] + [end]
    if renew_every:
        intervals.append(renew_every)
    step = looked = start
    clock = looked_at = time.monotonic()
    while step < end:
        stop = min((step // every + 1) * every for every in intervals)
        count = (
            1 if step == start else min(steps_per_execution, stop - step, end - step)
        )
        device.steps(count, step)
        step += count
        if not (
            step == start + 1
            or step in (stop, end)
            or time.monotonic() - looked_at >= seconds_between_looks
        ):
            continue
        means = device.take(step - looked)
        look = Look(
            step=step,
            steps=step - looked,
            means=means,
            seconds=time.monotonic() - clock,
            is_first=step == start + 1,
            is_last=step == end,
        )
        for hook in hooks:
            hook.look(look)
        if renew_every and step % renew_every == 0 and step < end:
            device.take_batches(renewed(step))
        looked, clock = step, time.monotonic()
        looked_at = clock


class _Device:
    """The compiled step, and what the device keeps between two looks."""

    def __init__(self, step_function, batches, strategy, jit_compile, at_a_time):
        strategy = strategy or tf.distribute.get_strategy()
        if jit_compile:
            step_function = tf.function(step_function, jit_compile=True)

        def one_step(iterator):
            found = strategy.run(step_function, args=(next(iterator),))
            mean = tf.distribute.ReduceOp.MEAN
            return {k: strategy.reduce(mean, v, axis=None) for k, v in found.items()}

        self._iterator = iter(batches)
        # Traced once, whatever the number of steps that are done at a time.
        self._step = tf.function(one_step).get_concrete_function(self._iterator)
        self._names = list(self._step.structured_outputs)
        # Steps are unrolled: within a `tf.while_loop`, TensorFlow 2.21 rewrites sums
        # of gradients to temporary variables whose names clash (AlreadyExistsError).
        self._at_a_time = at_a_time
        self._one = tf.function(lambda *kept: self._steps(1, *kept))
        self._several = tf.function(lambda *kept: self._steps(at_a_time, *kept))
        self._reset()
        self._bad_step = tf.constant(0, tf.int64)
        self._bad_values = self._sums

    def take_batches(self, batches) -> None:
        """Goes on with other batches, of the same form; nothing is traced again."""
        self._iterator = iter(batches)

    def _reset(self) -> None:
        self._sums = tf.zeros(len(self._names), tf.float64)

    def steps(self, count: int, done: int) -> None:
        """Does `count` steps after `done`; returns when they are under way."""
        while count:
            whole = 1 < self._at_a_time <= count
            self._sums, self._bad_step, self._bad_values = (
                self._several if whole else self._one
            )(
                self._iterator,
                tf.constant(done, tf.int64),
                self._sums,
                self._bad_step,
                self._bad_values,
            )
            taken = self._at_a_time if whole else 1
            count, done = count - taken, done + taken

    def _steps(self, count, iterator, done, sums, bad_step, bad_values):
        for i in range(count):
            found = self._step(iterator)
            values = tf.stack([tf.cast(found[n], tf.float64) for n in self._names])
            finite = tf.reduce_all(tf.math.is_finite(values))
            is_first_bad = tf.logical_and(bad_step == 0, tf.logical_not(finite))
            bad_values = tf.where(is_first_bad, values, bad_values)
            bad_step = tf.where(is_first_bad, done + i + 1, bad_step)
            sums += values
        return sums, bad_step, bad_values

    def take(self, count: int) -> dict[str, float]:
        """Means over the `count` steps since the last call, once they are done."""
        sums = self._sums.numpy()
        if step := int(self._bad_step):
            values = self._bad_values.numpy()
            raise NonFiniteError(step, self._named(values))
        self._reset()
        return self._named(sums / count)

    def _named(self, values) -> dict[str, float]:
        return {n: float(v) for n, v in zip(self._names, values, strict=True)}


def pace(looks: Sequence[Look]) -> float:
    """Seconds a step over some looks, without compilation; NaN: nothing was timed."""
    timed = [look for look in looks if not look.is_first]
    steps = sum(look.steps for look in timed)
    return sum(look.seconds for look in timed) / steps if steps else math.nan


def means(looks: Sequence[Look]) -> dict[str, float]:
    """Means of the scalars over some looks, of at least one."""
    steps = sum(look.steps for look in looks)
    return {
        name: sum(look.means[name] * look.steps for look in looks) / steps
        for name in looks[0].means
    }
