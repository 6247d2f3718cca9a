"""What the runs before this one were trained on, where it starts from another."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence

from dimn_tf import errors, files, standard_json
from dimn_tf.data import holdout as holdouts
from dimn_tf.training import init_from, workdir


@dataclasses.dataclass(frozen=True)
class Before:
    """What one run was trained on.

    Attributes:
        sources: References; None: nothing tells, of a checkpoint without its run.
        holdout: Raw person ids that it set aside, by source.
        sources_sha256: Of what it was trained on; None: older versions recorded none.
    """

    sources: tuple[str, ...] | None
    holdout: Mapping[str, Sequence[int]]
    sources_sha256: str | None = None


def of_start(place: str) -> list[Before]:
    """What a run was trained on, and what those that it had started from itself.

    Args:
        place: See `init_from.locate`.

    Raises:
        errors.UserError: there is no checkpoint, or the run's records are damaged.
    """
    folder, _ = init_from.locate(place)
    directory = workdir.WorkDir(folder.parent)
    if not directory.config.is_file():
        return [Before(None, {})]
    recorded = workdir.read(directory)
    sources = recorded.get("sources") or [recorded["dataset"]]  # Few-shot's.
    aside = holdouts.load(directory.holdout) if directory.holdout.is_file() else {}
    found = Before(tuple(sources), aside, recorded.get("sources_sha256"))
    return [found, *of_run(directory)]


def of_run(directory: workdir.WorkDir) -> list[Before]:
    """What the runs were trained on that a run started from; empty for none.

    Args:
        directory: Of the run, claimed.

    Raises:
        errors.UserError: a record is damaged.
    """
    found = load(directory.trained_before)
    if workdir.read(directory).get("init_from") and not found:
        return [Before(None, {})]  # An older version kept no record of it.
    return found


def save(
    path: str | os.PathLike, runs: Sequence[Before], place: str | None = None
) -> None:
    """Writes what `load` and `start_of` read, whole or not at all.

    Args:
        path: `WorkDir.trained_before`.
        runs: Of `of_start`.
        place: Which they are of, recorded as an absolute path; None: it is not told.
    """
    start = None if place is None else os.path.abspath(place)
    told = [dataclasses.asdict(run) for run in runs]
    text = standard_json.text({"start": start, "runs": told})
    with files.replacing(path) as partial:
        partial.write_text(text)


def start_of(path: pathlib.Path) -> str | None:
    """The absolute path of the start; None: an older version recorded none, or no run.

    Args:
        path: `WorkDir.trained_before`.
    """
    try:
        found = standard_json.read_object(path).get("start")
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, str) else None


def load(path: pathlib.Path) -> list[Before]:
    """Reads what `save` wrote; empty where the run started from no other.

    Raises:
        errors.DataError: the file is not as it was written.
    """
    if not path.is_file():
        return []
    try:
        return [
            Before(
                None if run["sources"] is None else tuple(map(str, run["sources"])),
                {name: list(map(int, ids)) for name, ids in run["holdout"].items()},
                run.get("sources_sha256"),
            )
            for run in standard_json.read_object(path)["runs"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise errors.DataError(
            f"{path.name} does not say what the runs before were trained on",
            path=path,
            found=repr(error),
            expected="the sources and held-out persons as training wrote them, in JSON",
            action="give the training command again, without this file (a finished "
            "run is not trained anew)",
        ) from error
