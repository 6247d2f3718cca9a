"""One row of a comparison as a run of `experiments.train` in a process of its own."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags as absl_flags

from dimn_tf import config, errors, methods, standard_json
from dimn_tf.comparison import alike, left_results, rows
from dimn_tf.comparison import place as place_lib
from dimn_tf.evaluation import options as evaluation_options
from dimn_tf.evaluation import results_files
from dimn_tf.evaluation import targets as targets_lib
from dimn_tf.training import recipe as recipe_lib
from dimn_tf.training import workdir
from experiments import row_cost, timed_process

_COST = "cost.json"


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
        targets: What it is to be judged on, with their trials; none: not known.
    """

    place: place_lib.Place
    given: Mapping[str, Any]
    places: Mapping[str, str]
    parent: pathlib.Path
    training_images: int | None = None
    targets: Sequence[targets_lib.Target] = ()

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

    @property
    def recorded(self) -> dict[str, Any]:
        """Its flags as its results will record them.

        Raises:
            errors.UserError: its method cannot be trained with them, or they make it
                another row.
        """
        options = self.options
        recorded = recipe_lib.from_values(options).recorded(self.workdir)
        self._refuse_another_row(recorded)
        return self._with_evaluation(recorded, options)

    def _refuse_another_row(self, recorded: Mapping[str, Any]) -> None:
        """A row's own option that is given to all would make others that row too."""
        found = rows.names_of(recorded)
        if self.place.name in found:
            return
        (own, *_) = found
        name = next(
            option
            for option, value in rows.ROWS[own].options.items()
            if option in self.given and self.given[option] == value
        )
        raise errors.UserError(
            f"--{name}={_text(self.given[name])}: with it {self.place.name} would be "
            f"{own}, a row that sets it itself. Leave it out, or name the rows by "
            "--rows"
        )

    @staticmethod
    def _with_evaluation(recorded, options) -> dict[str, Any]:
        evaluation = config.read(evaluation_options.EvaluationOptions, options)
        every = {**recorded, **dataclasses.asdict(evaluation)}
        every["targets"] = options["targets"]
        return json.loads(standard_json.text(every))

    def refuse_others_results(self) -> None:
        """Refuses results that a run of other options left under this one's name.

        Raises:
            errors.UserError: names the flag.
        """
        if self.is_done:
            self._refuse_other(self.place.read(), self.place.results)

    def _refuse_other(self, held: Mapping[str, Any], path: pathlib.Path) -> None:
        """Refuses results of other options than are given now.

        The weights' file may lie elsewhere, and is not looked at: rows of one table
        are compared with each other (`comparison.alike`).
        """
        images = held.get("cost", {}).get("training_images", self.training_images)
        options = dataclasses.replace(self, training_images=images).options
        weightless = recipe_lib.from_values({**options, "encoder_weights": "none"})
        expected = self._with_evaluation(weightless.recorded(self.workdir), options)
        del expected["encoder_weights"]
        there = alike.completed(self.place.name, held.get("flags", {}))
        for name, value in expected.items():
            found = there.get(name, value)
            if found != value and name not in alike.FREE:
                budget = self.given.get("train_images")
                of = f" (of --train_images={budget})" if name == "train_steps" else ""
                raise errors.UserError(
                    f"{path}: made with --{name}={_text(found)}, now "
                    f"{_text(value)}{of if budget else ''} is asked for. Give the flag "
                    "as it was, name another --results_dir, or move the file away"
                )

    def train(self) -> int:
        """Trains, or goes on, and keeps the results on the expected trials.

        Returns:
            The exit status of the training, which has told its error; -N: it was ended
            by signal N.

        Raises:
            errors.UserError: the run left results of other options, such as other
                targets, or on other trials alone, or they cannot be kept.
        """
        status, cost = timed_process.run(
            ["experiments.train", *self.command],
            self.workdir.root / _COST,
            lambda: row_cost.of_run(
                self.recipe, self.training_images, self.workdir.training_log
            ),
        )
        if not status:
            self.place.keep(self.workdir, cost, self._left())
        return status

    def _left(self) -> pathlib.Path:
        """The run's results on the expected trials."""
        options, usual = self.options, self.workdir.results
        evaluation = config.read(evaluation_options.EvaluationOptions, options)
        path = left_results.place(
            self.workdir, self.recipe, self.targets, evaluation.unmatched_probes
        )
        found = path if path.is_file() else usual
        held = results_files.read(found)
        self._refuse_other(held, found)
        left_results.refuse_missing(path, usual, held)
        return path


def _names(group: type) -> set[str]:
    return {field.name for field in dataclasses.fields(group)}


def _text(value: Any) -> str:
    """As a flag has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return absl_flags.CsvListSerializer(",").serialize(list(value))
    return str(value)
