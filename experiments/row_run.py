"""One row of a comparison as a run of `experiments.train` in a process of its own."""

import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from absl import flags as absl_flags

from dimn_tf import config, errors, files, methods, standard_json
from dimn_tf.comparison import place as place_lib
from dimn_tf.comparison import rows
from dimn_tf.evaluation import options as evaluation_options
from dimn_tf.training import recipe as recipe_lib
from dimn_tf.training import training_log, workdir

_COST = "cost.json"
_FREE = ("evaluation_batch_size", "ranked_probes")  # They change no figure.


@dataclasses.dataclass(frozen=True)
class RowRun:
    """A row's run.

    Attributes:
        place: Where its results go, with its row and seed.
        given: Options of all rows by flag name, `targets` among them; a row takes
            those that its method has.
        places: --data_dir and --manual_dir, by flag name.
        parent: Work directory of the comparison.
        training_images: Of all sources; None: not known.
    """

    place: place_lib.Place
    given: Mapping[str, Any]
    places: Mapping[str, str]
    parent: pathlib.Path
    training_images: int | None = None

    @property
    def workdir(self) -> workdir.WorkDir:
        """Of the run."""
        name = f"{self.place.name}_seed{self.place.seed}"
        return workdir.WorkDir(pathlib.Path(self.parent) / name)

    @property
    def options(self) -> dict[str, Any]:
        """All that is given for the run, by flag name; the row's own overrides."""
        row = rows.ROWS[self.place.name]
        others = set().union(
            *(_names(kind.Options) for kind in methods.METHODS.values())
        ) - _names(methods.METHODS[row.method].Options)
        shared = {k: v for k, v in self.given.items() if k not in others}
        found = {**shared, **row.options, "seed": self.place.seed}
        if found.get("train_images"):
            # In steps: a method may see images between its stages too.
            recipe = recipe_lib.from_values(found)
            found["train_steps"] = methods.METHODS[recipe.method].steps_of_budget(
                found.pop("train_images"),
                recipe.batch_request,
                recipe.method_options,
                self.training_images,
            )
        return found

    @property
    def recipe(self) -> recipe_lib.Recipe:
        """Of the run."""
        return recipe_lib.from_values(self.options)

    @property
    def command(self) -> list[str]:
        """What trains it, behind `python -m experiments.train`."""
        options = {"workdir": self.workdir.root, **self.places, **self.options}
        return [f"--{name}={_text(value)}" for name, value in options.items()]

    @property
    def is_done(self) -> bool:
        """Whether its results are there."""
        return self.place.results.is_file()

    def refuse_others_results(self) -> None:
        """Refuses results that a run of other options left under this one's name.

        The weights' file may lie elsewhere, and is not looked at: rows of one table
        are compared with each other (`gathered.gather`).

        Raises:
            errors.UserError: names the flag.
        """
        if not self.is_done:
            return
        held = self.place.read()
        known = {"training_images": held["cost"]["training_images"]}
        options = dataclasses.replace(self, **known).options
        recipe = recipe_lib.from_values({**options, "encoder_weights": "none"})
        evaluation = config.read(evaluation_options.EvaluationOptions, options)
        expected = {
            **recipe.recorded(),
            **dataclasses.asdict(evaluation),
            "targets": options["targets"],
        }
        del expected["encoder_weights"]
        for name, value in json.loads(json.dumps(expected)).items():
            found = held["flags"].get(name, value)
            if found != value and name not in _FREE:
                budget = self.given.get("train_images")
                of = f" (of --train_images={budget})" if name == "train_steps" else ""
                raise errors.UserError(
                    f"{self.place.results}: made with --{name}={_text(found)}, now "
                    f"{_text(value)}{of if budget else ''} is asked for. Give the flag "
                    "as it was, name another --results_dir, or move the file away"
                )

    def train(self) -> int:
        """Trains, or goes on, and keeps the results.

        Returns:
            The exit status of the training, which has told its error; -N: it was ended
            by signal N.
        """
        started, peak = time.monotonic(), 0
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments.train", *self.command]
        )
        try:
            _, ended, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(ended)
            peak = usage.ru_maxrss  # KiB; of this process alone.
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            cost = self._add_cost(time.monotonic() - started, peak / 2**20)
        if not process.returncode:
            self.place.keep(self.workdir, cost)
        return process.returncode

    def _add_cost(self, seconds: float, peak: float) -> dict[str, float]:
        """What the run cost so far, over all its processes."""
        path = self.workdir.root / _COST
        before = standard_json.read_object(path) if path.is_file() else {}
        recipe, options = self.recipe, self.recipe.method_options
        kind = methods.METHODS[recipe.method]
        request = recipe.batch_request
        paces = [
            row["images_per_second"]
            for row in training_log.read(self.workdir.training_log)
            if row["images_per_second"]
        ]
        cost = {
            "minutes": before.get("minutes", 0.0) + seconds / 60,
            "processes": before.get("processes", 0) + 1,
            "peak_memory_gib": max(before.get("peak_memory_gib", 0.0), peak),
            "seconds_a_step": request.images / statistics.median(paces) if paces else 0,
            "images_seen": kind.images_seen(
                recipe.train_steps,
                recipe.train_steps,
                request,
                options,
                self.training_images,
            ),
            "encoder_passes": kind.encoder_passes(options, len(recipe.data.sources)),
            "training_images": self.training_images,
        }
        if self.workdir.root.is_dir():
            with files.replacing(path) as partial:
                partial.write_text(standard_json.text(cost))
        return cost


def _names(group: type) -> set[str]:
    return {field.name for field in dataclasses.fields(group)}


def _text(value: Any) -> str:
    """As a flag has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return absl_flags.CsvListSerializer(",").serialize(list(value))
    return str(value)
