"""The learning rate's schedule."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from dimn_tf import errors


@keras.saving.register_keras_serializable(package="dimn_tf")
class WarmedUp(keras.optimizers.schedules.LearningRateSchedule):
    """Another schedule, times a ramp from 1 / steps to 1 over the first steps.

    Args:
        schedule: The schedule that it ramps up to.
        steps: Length of the ramp, iterations, at least 1.

    Reference: Goyal et al., "Accurate, Large Minibatch SGD", 2017.
    """

    def __init__(
        self, schedule: keras.optimizers.schedules.LearningRateSchedule, steps: int
    ):
        super().__init__()
        self.schedule = schedule
        self.steps = steps

    def __call__(self, step):
        """Learning rate of a step, 0, 1, ..."""
        ramp = tf.minimum((tf.cast(step, tf.float32) + 1.0) / self.steps, 1.0)
        return ramp * self.schedule(step)

    def get_config(self):
        """Arguments of the constructor."""
        return {
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "steps": self.steps,
        }

    @classmethod
    def from_config(cls, config):
        """Inverse of `get_config`."""
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["steps"])


@keras.saving.register_keras_serializable(package="dimn_tf")
class Anew(keras.optimizers.schedules.LearningRateSchedule):
    """An exponential decay that begins anew with each of several stretches of steps.

    Args:
        start: Learning rate of a stretch's first step.
        end: Reached after its last one.
        stretches: Steps of each, at least 1.
    """

    def __init__(self, start: float, end: float, stretches: Sequence[int]):
        super().__init__()
        self.start, self.end, self.stretches = start, end, tuple(stretches)

    def __call__(self, step):
        """Learning rate of a step, 0, 1, ... of all stretches."""
        step = tf.cast(step, tf.float32)
        first, rate = 0, tf.constant(self.start, tf.float32)
        for length in self.stretches:
            share = (step - first) / length
            falling = self.start * (self.end / self.start) ** share
            rate = tf.where(step >= first, falling, rate)
            first += length
        return rate

    def get_config(self):
        """Arguments of the constructor."""
        return {"start": self.start, "end": self.end, "stretches": self.stretches}


def decay(
    kind: str,
    start: float,
    end: float,
    stretches: Sequence[int],
    warmup_steps: int = 0,
) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate by step, from `start` down to `end` after the last one.

    exponential: start (end / start)^(step / steps) (paper, section 4.1);
    cosine: end + (start - end) (1 + cos(pi step / steps)) / 2 (Loshchilov and Hutter,
    ICLR 2017, Eq. 5, without restarts).

    Args:
        kind: One of `options.DECAYS`.
        start: Learning rate of step 0 (paper: 3.5e-4).
        end: Learning rate reached after the last step (paper: 1e-4).
        stretches: Iterations (paper: 180,000); of several, each falls from start to
            end.
        warmup_steps: See `WarmedUp`; 0 is the paper's.

    Raises:
        errors.UserError: cosine of several stretches.
    """
    if len(stretches) > 1 and kind != "exponential":
        raise errors.UserError(
            f"--learning_rate_decay={kind}: this method's learning rate falls anew in "
            "each of its stages, exponentially. Leave the flag out."
        )
    if len(stretches) > 1:
        falling = Anew(start, end, stretches)
    elif kind == "cosine":
        falling = keras.optimizers.schedules.CosineDecay(
            start, decay_steps=stretches[0], alpha=end / start
        )
    else:
        falling = keras.optimizers.schedules.ExponentialDecay(
            initial_learning_rate=start,
            decay_steps=stretches[0],
            decay_rate=end / start,
        )
    return WarmedUp(falling, warmup_steps) if warmup_steps else falling
