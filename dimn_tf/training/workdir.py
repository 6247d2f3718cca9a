"""The work directory: what a run was made with, and where its parts lie."""

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Iterator
from typing import Any

from dimn_tf import errors, files, standard_json

# What a run finds rather than is told, recorded beside the flags.
FINDINGS = ("num_identities", "sources_sha256", "images_per_step")


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
    def trained_before(self) -> pathlib.Path:
        """JSON of what the runs were trained on that this one started from."""
        return self.root / "trained_before.json"

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

    @property
    def calibration(self) -> pathlib.Path:
        """JSON of the thresholds."""
        return self.root / "calibration.json"

    def results_at(self, step: int) -> pathlib.Path:
        """JSON of an evaluation on the way."""
        return self.root / "evaluations" / f"results_{step:07d}.json"


def _is_but_claimed(workdir: WorkDir) -> bool:
    """Whether a run that was refused itself left its record there, and nothing else."""
    made = (workdir.checkpoints, workdir.training_log, workdir.tensorboard)
    if any(path.exists() for path in made) or any(workdir.root.glob("results*")):
        return False
    return all(name in read(workdir) for name in FINDINGS)


def refuse_other(workdir: WorkDir, values: dict[str, Any]) -> None:
    """Refuses a directory whose run was made with other values.

    A run that was refused itself before it made anything stands in nobody's way.

    Args:
        workdir: New, or of an earlier run.
        values: JSON values by flag name, of the options that change the result.

    Raises:
        errors.UserError: each differing flag is named.
    """
    if not workdir.config.exists():
        if workdir.checkpoints.exists():
            raise errors.UserError(
                f"{workdir.root}: holds checkpoints but no {workdir.config.name}, so "
                "nothing tells what they were made with. Give another --workdir."
            )
        return
    if _is_but_claimed(workdir):
        return
    values = json.loads(json.dumps(values))
    recorded = read_values(workdir)
    lines = [
        f"  --{name}: made with {_shown(recorded, name)}, now {_shown(values, name)}"
        for name in sorted(recorded.keys() | values.keys())
        if (name in recorded) != (name in values) or recorded[name] != values[name]
    ]
    if lines:
        raise errors.UserError(
            f"{workdir.root}: made with other values of flags that change the result:\n"
            + "\n".join(lines)
            + "\nGive these flags as before to go on, or another --workdir."
        )


def claim(workdir: WorkDir, values: dict[str, Any], findings: dict[str, Any]) -> None:
    """Records what a run is made with, or refuses a directory made otherwise.

    Args:
        workdir: New, or of an earlier run.
        values: See `refuse_other`.
        findings: A JSON value for each of `FINDINGS`.

    Raises:
        errors.UserError: the directory holds a run with other values, or on other
            images.
    """
    refuse_other(workdir, values)
    record = standard_json.text({**values, **findings})
    if not workdir.config.exists() or (
        _is_but_claimed(workdir) and workdir.config.read_text() != record
    ):
        with files.replacing(workdir.config) as partial:
            partial.write_text(record)
        return
    recorded = read(workdir)
    for name in FINDINGS:
        if recorded.get(name) != findings[name]:
            raise errors.UserError(
                f"{workdir.root}: made on other images: {name} was "
                f"{recorded.get(name, '(not recorded)')}, "
                f"is {findings[name]}. The data sets in --data_dir were built anew "
                "from other archives; build them as before, or give another --workdir."
            )


@contextlib.contextmanager
def locked(workdir: WorkDir) -> Iterator[None]:
    """Keeps other processes from training in the same directory meanwhile.

    Raises:
        errors.UserError: another process does.
    """
    workdir.root.mkdir(parents=True, exist_ok=True)
    with files.exclusive(
        workdir.root / "lock",
        f"{workdir.root}: another process is training here. Wait for it, or give "
        "another --workdir.",
    ):
        yield


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
        return standard_json.read_object(workdir.config)
    except ValueError as error:
        raise errors.UserError(
            f"{workdir.config}: not JSON as training wrote it ({error}). Restore it, "
            "or give another --workdir."
        ) from error


def read_values(workdir: WorkDir) -> dict[str, Any]:
    """As `read`, without what the run found: the options that change the result."""
    return {k: v for k, v in read(workdir).items() if k not in FINDINGS}


def _shown(values: dict[str, Any], name: str) -> str:
    return json.dumps(values[name]) if name in values else "(not a flag then)"
