"""The step that validation classes choose, and its weights."""

import pathlib
import zipfile
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from dimn_tf import errors, files, standard_json
from dimn_tf.fewshot import evaluation
from dimn_tf.training import checkpoints, workdir

_NEWER = ("images_sha256", "evaluate_every")
"""What older versions' validations do not tell: taken as it is now."""

_FLAGS = {
    "episodes": "validation_episodes",
    "queries": "test_queries",
    "statistics": "test_statistics",
    "seed": "episode_seed",
}
"""By name of what a validation was made with, where the flag is called otherwise."""


class Selection:
    """Keeps the weights of the step with the highest validation accuracy.

    Of equal ones the earlier step is kept. A step counts once its result is there,
    which is written last: a run that was killed in between validates that step again.

    Args:
        directory: Of the run.
        shots: K of the validation's episodes.
        made_with: What else decides about them: see `TestOptions.validation`; the hash
            of the validation classes' images as `images_sha256`; `evaluate_every`.
    """

    def __init__(
        self, directory: workdir.WorkDir, shots: int, made_with: Mapping[str, Any]
    ):
        self._directory, self._shots, self._made_with = directory, shots, made_with

    @property
    def _folder(self) -> pathlib.Path:
        return self._directory.root / "validations" / f"{self._shots}shot"

    def path_of(self, step: int) -> pathlib.Path:
        """JSON of a step's validation."""
        return self._folder / f"step_{step:07d}.json"

    @property
    def weights(self) -> pathlib.Path:
        """NumPy archive of the best step's inference variables, by name."""
        return self._directory.root / f"best_weights_{self._shots}shot.npz"

    def results(self) -> dict[int, float]:
        """Step -> validation accuracy, per cent, of each step that can be chosen."""
        rows = self._rows()
        return {s: row["accuracy"] for s, row in rows.items() if row["can_be_chosen"]}

    def steps(self) -> list[int]:
        """All steps that were validated."""
        return list(self._rows())

    def made_with(self, step: int) -> dict[str, Any]:
        """What decided about a step's result; see `TestOptions.validation`."""
        return self._rows()[step]["made_with"]

    def refuse_other(self, names: Collection[str] | None = None) -> None:
        """Refuses to choose between steps that were validated otherwise.

        Args:
            names: Of what is looked at; None: all that decides.

        Raises:
            errors.UserError: names what differs.
        """
        looked_at = self._made_with if names is None else names
        for step, row in self._rows().items():
            for name in looked_at:
                value, held = self._made_with[name], row["made_with"]
                found = held.get(name, value if name in _NEWER else None)
                if found != value:
                    raise errors.UserError(
                        f"{self.path_of(step)}: step {step:,} was validated "
                        + _difference(name, found, value)
                    )

    def _rows(self) -> dict[int, dict[str, Any]]:
        found = {}
        for path in sorted(self._folder.glob("step_*.json")):
            try:
                row = standard_json.read_object(path)
                row["can_be_chosen"], dict(row["made_with"])
                row["accuracy"] = float(row["accuracy"])
                found[int(row["step"])] = row
            except (ValueError, KeyError, TypeError) as error:
                raise errors.UserError(
                    f"{path}: no validation result ({error}). Remove it; that step is "
                    "then not chosen, unless the same command comes by it again"
                ) from error
        return found

    def best(self) -> int:
        """The chosen step so far; 0: none was validated."""
        results = self.results()
        return max(sorted(results), key=results.get) if results else 0

    def add(
        self,
        method,
        step: int,
        found: evaluation.Accuracy,
        can_be_chosen: bool = True,
    ) -> None:
        """Takes a validation in, and the weights if it is the best one.

        Where the step has a result already, at least as good, nothing is changed: what
        chose among the steps since then stays as it was.

        Args:
            method: For inference, as it was validated.
            step: Its step.
            found: Its accuracy.
            can_be_chosen: Whether its weights are whole; else they are not kept.
        """
        results, accuracy = self.results(), round(found.mean, 4)
        if can_be_chosen and results.get(step, -1) >= accuracy:
            return  # Of a run that was killed since: its weights may be kept.
        others = {s: a for s, a in results.items() if s != step}
        earlier = [a for s, a in others.items() if s < step]
        later = [a for s, a in others.items() if s > step]
        is_best = accuracy > max(earlier, default=-1)
        if can_be_chosen and is_best and accuracy >= max(later, default=-1):
            held = checkpoints.by_name(method.inference_variables)
            with files.replacing(self.weights) as partial, partial.open("wb") as file:
                np.savez(
                    file, **{name: v.numpy() for name, v in held.items()}, _step=step
                )
        with files.replacing(self.path_of(step)) as partial:
            partial.write_text(
                standard_json.text(
                    {
                        "step": step,
                        "can_be_chosen": can_be_chosen,
                        "accuracy": accuracy,
                        "interval": round(found.interval, 4),
                        "made_with": dict(self._made_with),
                    }
                )
            )

    def restore(self, method) -> int:
        """Puts the best step's weights into a method for inference; returns the step.

        Raises:
            errors.UserError: they are missing, damaged, or of another step.
        """
        step = self.best()
        try:
            with np.load(self.weights) as held:
                if int(held["_step"]) != step:
                    raise ValueError(f"it is of step {int(held['_step'])}")
                for name, variable in checkpoints.by_name(
                    method.inference_variables
                ).items():
                    variable.assign(held[name])
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise errors.UserError(
                f"{self.weights}: not the weights of step {step}, which validation "
                f"chose ({error}). Train again in another --workdir"
            ) from error
        return step


def _difference(name: str, found: Any, value: Any) -> str:
    """What follows on "was validated", and what can be done."""
    if name == "images_sha256":
        return (
            "on other images: the data set in --data_dir was built anew from other "
            "archives. Build it as before, or give another --workdir"
        )
    return (
        f"with {name} {found}, now {value} is asked for; steps are chosen from by one "
        f"validation. Give --{_FLAGS.get(name, name)} as before, or another --workdir"
    )
