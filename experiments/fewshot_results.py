"""Where a few-shot run's figures go: its work directory, and the table's folder."""

import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from dimn_tf import errors, files, standard_json
from dimn_tf.fewshot import row_files
from dimn_tf.training import workdir

_DECIDING = ("flags", "images_sha256")  # About a test's figures.


def held_in(directory: workdir.WorkDir) -> dict[str, Any]:
    """What results.json of a work directory holds; empty: it is not there.

    Raises:
        errors.UserError: it is damaged.
    """
    path = directory.results
    try:
        return standard_json.read_object(path) if path.is_file() else {}
    except ValueError as error:
        raise errors.UserError(
            f"{path}: not the figures of a test ({error}). Move it away; the same "
            "command makes them again"
        ) from error


def place_of(
    directory: workdir.WorkDir, held: Mapping[str, Any], figures: Mapping[str, Any]
) -> pathlib.Path:
    """Where the figures go; they replace none of another test, or of other images.

    Args:
        directory: Of the run.
        held: Of `held_in`.
        figures: Of the test.
    """
    text = standard_json.text({name: figures[name] for name in _DECIDING})
    told = json.loads(text)
    # An older file may not tell its images.
    before = {"images_sha256": told["images_sha256"], **held}
    if held and any(before.get(name) != told[name] for name in _DECIDING):
        name = f"results_{figures['shots']}shot_{figures['statistics']}_"
        name += f"{figures['episodes']}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        return directory.root / f"{name}.json"
    return directory.results


def keep(figures, folder: pathlib.Path) -> None:
    """Puts figures into the table; a row that is there keeps its cost.

    Raises:
        errors.UserError: the row has other figures.
    """
    method, shots = figures["method"], figures["shots"]
    path = row_files.path_of(folder, method, shots)
    held = row_files.read(path, method, shots) if path.is_file() else {}
    if held.get("per_episode", figures["per_episode"]) != figures["per_episode"]:
        raise errors.UserError(
            f"{path}: holds another run's figures of these flags "
            f"({held['accuracy']:.2f} %, now {figures['accuracy']:.2f} %). Move it "
            "away, or name another --results_dir; the same command then puts these "
            "there"
        )
    cost = {"cost": held["cost"]} if "cost" in held else {}
    with files.replacing(path) as partial:
        partial.write_text(standard_json.text({**figures, **cost}))
