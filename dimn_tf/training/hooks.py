"""What every run does where the loop looks: progress lines, evaluations on the way."""

import time
from collections.abc import Callable

from dimn_tf.training import loop


class Begin(loop.Hook):
    """Begins a phase, once the hooks before it have done what they owe.

    Args:
        begin: See `methods.phase.Phase`.
        every_image: What it is given.
    """

    def __init__(self, begin: Callable, every_image: Callable):
        self._begin, self._every_image = begin, every_image

    def begin(self, step: int) -> None:
        """Begins it."""
        del step
        self._begin(self._every_image)


class Progress(loop.Hook):
    """Prints step, rate, time left and the means of the losses.

    One line at the first step (compilation done), then every `seconds`, and at the
    end. Lines, not a moving bar, so that logs of long runs stay readable.

    Args:
        train_steps: Last step.
        images_per_step: Images a step; 0: its steps take none, and are counted.
        seconds: Between lines.
        log: Prints a line.
    """

    def __init__(
        self,
        train_steps: int,
        images_per_step: int,
        seconds: float = 10.0,
        log: Callable[[str], None] = print,
    ):
        self._train_steps = train_steps
        self._images_per_step = images_per_step
        self._seconds = seconds
        self._log = log

    def begin(self, step: int) -> None:
        """Starts the clock."""
        self._first = step
        self._started = self._shown = time.monotonic()
        self._looks: list[loop.Look] = []

    def look(self, look: loop.Look) -> None:
        """Prints a line where it is time."""
        now = time.monotonic()
        self._looks.append(look)
        if look.is_first:
            self._log(f"first step (with compilation) {now - self._started:.1f} s")
            # Compilation is no part of the rate.
            self._started = now
        elif now - self._shown < self._seconds and not look.is_last:
            return
        self._shown = now
        means, self._looks = loop.means(self._looks), []
        step, done = look.step, look.step - self._first - 1
        if done > 0:
            per_step = (now - self._started) / done
            left = per_step * (self._train_steps - step)
            if self._images_per_step:
                rate = f"{self._images_per_step / per_step:.0f} images/s"
            else:
                rate = f"{1 / per_step:.1f} steps/s"
            pace = f"{rate}, {duration(left)} left"
        else:
            pace = "measuring the rate"
        terms = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
        share = step / self._train_steps
        self._log(f"step {step:,}/{self._train_steps:,} ({share:.0%}), {pace}: {terms}")


class Evaluate(loop.Hook):
    """Calls an evaluation every N steps.

    A run that was killed in an evaluation makes it up when it goes on.

    Args:
        evaluate: Takes the step.
        evaluated: Whether a step's evaluation is there.
        every: N.
        train_steps: Last step; the evaluation at the end is the caller's.
    """

    def __init__(
        self,
        evaluate: Callable[[int], None],
        evaluated: Callable[[int], bool],
        every: int,
        train_steps: int,
    ):
        self._evaluate = evaluate
        self._evaluated = evaluated
        self.every = every
        self._train_steps = train_steps

    def begin(self, step: int) -> None:
        """Evaluates the step that the run goes on from, if it is owed."""
        if step and not self._evaluated(step):
            self._evaluate_at(step)

    def look(self, look: loop.Look) -> None:
        """Evaluates where a multiple of N is reached."""
        self._evaluate_at(look.step)

    def _evaluate_at(self, step: int) -> None:
        if step % self.every == 0 and step < self._train_steps:
            self._evaluate(step)


def duration(seconds: float) -> str:
    """90 -> '1 min 30 s'."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"
