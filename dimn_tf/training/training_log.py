"""The training log: a row of means every N steps, in a CSV and in TensorBoard."""

import csv
import math
import pathlib
import shutil
from collections.abc import Callable

import tensorflow as tf

from dimn_tf import errors, files
from dimn_tf.training import loop


class TrainingLog(loop.Hook):
    """Writes means over every N steps to a CSV and to TensorBoard.

    Rows later than the step that a run resumes from are dropped first, so that no row
    is there twice. Where N does not divide that step, the first row after it holds the
    means of the steps since.

    Args:
        path: The CSV.
        tensorboard: Folder of the event files.
        every: N.
        images_per_step: Images a step; 0: its steps take none.
        learning_rate: Gives the optimiser's at the time.
    """

    def __init__(
        self,
        path: pathlib.Path,
        tensorboard: pathlib.Path,
        every: int,
        images_per_step: int,
        learning_rate: Callable[[], float],
    ):
        self._path = path
        self._tensorboard = tensorboard
        self.every = every
        self._images_per_step = images_per_step
        self._learning_rate = learning_rate

    def begin(self, step: int) -> None:
        """Drops rows of steps that will be done again, here and in TensorBoard."""
        rows = [row for row in read(self._path) if row["step"] <= step]
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
        self._looks: list[loop.Look] = []

    def look(self, look: loop.Look) -> None:
        """Adds a row where a multiple of N is reached."""
        self._looks.append(look)
        if look.step % self.every == 0:
            self._add_row(look.step)
        if look.is_last:
            self._writer.close()

    def _add_row(self, step: int) -> None:
        means, pace = loop.means(self._looks), loop.pace(self._looks)
        self._looks = []
        row = {
            "step": step,
            "learning_rate": self._learning_rate(),
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


def read(path: pathlib.Path) -> list[dict[str, float]]:
    """Rows of a training log; none where the file is missing.

    A last line that a kill cut short is left out, and so is one without all cells.

    Raises:
        errors.UserError: the file is no training log.
    """
    if not path.is_file():
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")
        lines = text[: text.rfind("\n") + 1].splitlines()
        rows = list(csv.DictReader(lines))
        if rows and "step" not in rows[0]:
            raise ValueError(f"its first line is {lines[0][:80]!r}")
        whole = [row for row in rows if None not in row and None not in row.values()]
        return [{name: float(value) for name, value in row.items()} for row in whole]
    except (ValueError, csv.Error) as error:
        raise errors.UserError(
            f"{path}: no training log ({error}); expected a line of names, `step` the "
            "first, and lines of numbers. Move it away: the run goes on without it"
        ) from error
