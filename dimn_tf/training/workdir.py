"""The work directory: what a run was made with, and where its parts lie."""

import dataclasses
import json
import pathlib
from typing import Any

from dimn_tf import errors, files


@dataclasses.dataclass(frozen=True)
class WorkDir:
    """Paths below a run's work directory.

    Attributes:
        root: The directory itself.
    """

    root: pathlib.Path

    @property
    def config(self) -> pathlib.Path:
        """JSON of every option that changes the result."""
        return self.root / "config.json"

    @property
    def places(self) -> pathlib.Path:
        """JSON of where the run found its data, and of its targets."""
        return self.root / "places.json"

    @property
    def holdout(self) -> pathlib.Path:
        """JSON of the identities that are never trained on."""
        return self.root / "holdout.json"

    @property
    def checkpoints(self) -> pathlib.Path:
        """Folder of ckpt-*."""
        return self.root / "checkpoints"

    @property
    def tensorboard(self) -> pathlib.Path:
        """Folder of TensorBoard's event files."""
        return self.root / "tensorboard"

    @property
    def training_log(self) -> pathlib.Path:
        """CSV: one row every --log_every iterations."""
        return self.root / "training_log.csv"

    @property
    def loss_curves(self) -> pathlib.Path:
        """PNG of the training log."""
        return self.root / "loss_curves.png"

    @property
    def results(self) -> pathlib.Path:
        """JSON of the evaluation."""
        return self.root / "results.json"

    def results_at(self, step: int) -> pathlib.Path:
        """JSON of an evaluation on the way."""
        return self.root / "evaluations" / f"results_{step:07d}.json"


def claim(workdir: WorkDir, values: dict[str, Any]) -> None:
    """Records what a run is made with, or refuses a directory made otherwise.

    Args:
        workdir: New, or of an earlier run.
        values: JSON values by flag name, of all options that change the result.

    Raises:
        errors.UserError: the directory holds a run with other values; each differing
            flag is named.
    """
    values = json.loads(json.dumps(values))
    if not workdir.config.exists():
        if workdir.checkpoints.exists():
            raise errors.UserError(
                f"{workdir.root}: holds checkpoints but no {workdir.config.name}, so "
                "nothing tells what they were made with. Give another --workdir."
            )
        with files.replacing(workdir.config) as partial:
            partial.write_text(json.dumps(values, indent=2) + "\n")
        return
    recorded = read(workdir)
    lines = [
        f"  --{name}: made with {_shown(recorded, name)}, now {_shown(values, name)}"
        for name in sorted(recorded.keys() | values.keys())
        if recorded.get(name) != values.get(name)
        or (name in recorded) != (name in values)
    ]
    if lines:
        raise errors.UserError(
            f"{workdir.root}: made with other values of flags that change the result:\n"
            + "\n".join(lines)
            + "\nGive these flags as before to go on, or another --workdir."
        )


def read(workdir: WorkDir) -> dict[str, Any]:
    """What the run was made with: JSON values by flag name.

    Raises:
        errors.UserError: no run there, or its record cannot be read.
    """
    if not workdir.config.is_file():
        raise errors.UserError(
            f"--workdir={workdir.root}: no run here ({workdir.config.name} is missing "
            f"in {workdir.root.absolute()}). Give the directory of a training run."
        )
    try:
        return json.loads(workdir.config.read_text())
    except ValueError as error:
        raise errors.UserError(
            f"{workdir.config}: not JSON ({error}). Restore it, or give "
            "another --workdir."
        ) from error


def _shown(values: dict[str, Any], name: str) -> str:
    return json.dumps(values[name]) if name in values else "(not a flag then)"
