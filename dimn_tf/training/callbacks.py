"""Keras callbacks of the fit that all methods share.

Keras' own progress bar, `CSVLogger` and `TensorBoard` count from the start of the
process and by epochs: after a resume their steps, rates and times left are wrong, and
none gives images a second. These count by the method's step.
"""

import csv
import math
import pathlib
import shutil
import time
from collections.abc import Callable

import keras
import tensorflow as tf

from dimn_tf import errors, files
from dimn_tf.training import checkpoints as checkpoints_lib


class StopOnNonFinite(keras.callbacks.Callback):
    """Stops the run at the first step whose loss is not finite.

    Keras' `TerminateOnNaN` stops without saying where, on which term, or what is
    still good.

    Args:
        checkpoints: Named in the error.
    """

    def __init__(self, checkpoints: checkpoints_lib.Checkpoints):
        super().__init__()
        self._checkpoints = checkpoints

    def on_train_batch_end(self, batch, logs=None):
        """Raises `errors.UserError` where a term is NaN or infinite."""
        terms = {name: float(value) for name, value in (logs or {}).items()}
        if all(math.isfinite(value) for value in terms.values()):
            return
        step = int(self.model.step.numpy())
        listed = ", ".join(f"{name} {value:.6g}" for name, value in terms.items())
        good = self._checkpoints.good_before(step)
        raise errors.UserError(
            f"The loss is not finite at step {step}: {listed}. "
            + (
                f"The last good checkpoint is {good}. "
                if good
                else "No checkpoint is known to be good. "
            )
            + "Lower --learning_rate_start (in mixed_float16, float32 may do) and "
            "train in a new --workdir."
        )


class Averages:
    """Means of the logged scalars, and the pace of the steps, since the last `take`.

    Only the steps' own time counts (with the wait for their batch), not that of
    checkpoints and evaluations between them.
    """

    def __init__(self):
        self._sums: dict[str, float] = {}
        self._steps = 0
        self._seconds: list[float] = []

    def begin(self) -> None:
        """Starts the clock of a step."""
        self._started = time.monotonic()

    def add(self, logs, timed: bool = True) -> None:
        """Adds one step's scalars, and its time unless it held the compilation."""
        self._steps += 1
        for name, value in logs.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)
        if timed:
            self._seconds.append(time.monotonic() - self._started)

    def take(self) -> tuple[dict[str, float], float]:
        """Returns the means and the seconds a step (NaN: none timed); starts anew."""
        means = {name: value / self._steps for name, value in self._sums.items()}
        pace = sum(self._seconds) / len(self._seconds) if self._seconds else math.nan
        self.__init__()
        return means, pace


class Progress(keras.callbacks.Callback):
    """Prints step, rate, time left and the means of the losses.

    One line at the first step (compilation done), then every `seconds`, and at the
    end. Lines, not a moving bar, so that logs of long runs stay readable.

    Args:
        train_steps: Last step.
        images_per_step: Images a step.
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
        super().__init__()
        self._train_steps = train_steps
        self._images_per_step = images_per_step
        self._seconds = seconds
        self._log = log

    def on_train_begin(self, logs=None):
        """Starts the clock."""
        self._first = int(self.model.step.numpy())
        self._started = self._shown = time.monotonic()
        self._averages = Averages()

    def on_train_batch_end(self, batch, logs=None):
        """Prints a line where it is time."""
        step = int(self.model.step.numpy())
        now = time.monotonic()
        self._averages.add(logs, timed=False)
        if step == self._first + 1:
            self._log(f"first step (with compilation) {now - self._started:.1f} s")
            # Compilation is no part of the rate.
            self._started = now
        elif now - self._shown < self._seconds and step < self._train_steps:
            return
        self._shown = now
        means, _ = self._averages.take()
        done = step - self._first - 1
        if done > 0:
            per_step = (now - self._started) / done
            left = per_step * (self._train_steps - step)
            rate = self._images_per_step / per_step
            pace = f"{rate:.0f} images/s, {duration(left)} left"
        else:
            pace = "measuring the rate"
        terms = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
        share = step / self._train_steps
        self._log(f"step {step:,}/{self._train_steps:,} ({share:.0%}), {pace}: {terms}")


class TrainingLog(keras.callbacks.Callback):
    """Writes means over every N steps to a CSV and to TensorBoard.

    Rows later than the step that a run resumes from are dropped first, so the file
    reads as if the run had never been interrupted.

    Args:
        path: The CSV.
        tensorboard: Folder of the event files.
        every: N.
        images_per_step: Images a step.
    """

    def __init__(
        self,
        path: pathlib.Path,
        tensorboard: pathlib.Path,
        every: int,
        images_per_step: int,
    ):
        super().__init__()
        self._path = path
        self._tensorboard = tensorboard
        self._every = every
        self._images_per_step = images_per_step

    def on_train_begin(self, logs=None):
        """Drops rows of steps that will be done again, here and in TensorBoard."""
        self._first = int(self.model.step.numpy())
        rows = [r for r in read_training_log(self._path) if r["step"] <= self._first]
        with (
            files.replacing(self._path) as partial,
            partial.open("w", newline="") as file,
        ):
            if rows:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows({**row, "step": int(row["step"])} for row in rows)
        self._empty = not rows
        shutil.rmtree(self._tensorboard, ignore_errors=True)
        self._writer = tf.summary.create_file_writer(str(self._tensorboard))
        for row in rows:
            self._show(row)
        self._averages = Averages()

    def on_train_batch_begin(self, batch, logs=None):
        """Starts the clock."""
        self._averages.begin()

    def on_train_batch_end(self, batch, logs=None):
        """Adds a row where a multiple of N is reached."""
        step = int(self.model.step.numpy())
        self._averages.add(logs, timed=step > self._first + 1)
        if step % self._every:
            return
        means, pace = self._averages.take()
        row = {
            "step": step,
            "learning_rate": float(self.model.optimizer.learning_rate),
            "images_per_second": self._images_per_step / pace,
            **means,
        }
        with self._path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if self._empty:
                writer.writeheader()
                self._empty = False
            writer.writerow(
                {k: v if k == "step" else f"{v:.6g}" for k, v in row.items()}
            )
        self._show(row)

    def _show(self, row: dict[str, float]) -> None:
        with self._writer.as_default(step=int(row["step"])):
            for name, value in row.items():
                if name != "step" and not math.isnan(value):
                    tf.summary.scalar(name, value)
        self._writer.flush()

    def on_train_end(self, logs=None):
        """Closes the event file."""
        self._writer.close()


class Evaluate(keras.callbacks.Callback):
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
        super().__init__()
        self._evaluate = evaluate
        self._evaluated = evaluated
        self._every = every
        self._train_steps = train_steps

    def on_train_begin(self, logs=None):
        """Evaluates the step that the run goes on from, if it is owed."""
        step = int(self.model.step.numpy())
        if step and not self._evaluated(step):
            self._evaluate_at(step)

    def on_train_batch_end(self, batch, logs=None):
        """Evaluates where a multiple of N is reached."""
        self._evaluate_at(int(self.model.step.numpy()))

    def _evaluate_at(self, step: int) -> None:
        if step % self._every == 0 and step < self._train_steps:
            self._evaluate(step)


def read_training_log(path: pathlib.Path) -> list[dict[str, float]]:
    """Rows of a training log; none where the file is missing.

    A last line that a kill cut short is left out.
    """
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    whole = [row for row in rows if None not in row and None not in row.values()]
    return [{name: float(value) for name, value in row.items()} for row in whole]


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
