"""The files of Table 8's rows: read, gathered, and refused where they are others."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from dimn_tf import errors, fewshot, standard_json
from dimn_tf.fewshot import options

NOTES_FILE = "notes.json"
"""In a table's folder: what is to be said of single rows; see `_notes`."""


def run_name(method: str, shots: int) -> str:
    """What a run is called, in flags and as a folder."""
    return f"{method}_{shots}shot"


def path_of(folder: pathlib.Path, method: str, shots: int) -> pathlib.Path:
    """Where a row's figures lie."""
    return folder / f"{run_name(method, shots)}.json"


def gather(folder: pathlib.Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Method -> shots as text -> figures of `figures.figures_of`, of what is there.

    Raises:
        errors.UserError: a file that is no such figures, or of another row, data set or
            number of ways.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    first: tuple[pathlib.Path, dict[str, Any]] | None = None
    for method in fewshot.METHODS:
        for shots in options.SHOTS:
            path = path_of(folder, method, shots)
            if not path.is_file():
                continue
            figures = read(path, method, shots)
            first = first or (path, figures)
            _refuse_other_ways(path, figures, *first)
            _refuse_other_data(path, figures, *first)
            found.setdefault(method, {})[str(shots)] = figures
    for run, text in _notes(folder).items():
        method, _, shots = run.rpartition("_")
        row = found.get(method, {}).get(shots.removesuffix("shot"))
        if row:
            row["note"] = text
    return found


def refuse_other_table(
    folder: pathlib.Path, ways: int, dataset: str, images_sha256: Mapping[str, str]
) -> None:
    """Refuses a row that does not go with those that are there, before its training.

    Args:
        folder: Of the rows' files.
        ways: The row's.
        dataset: The row's, as in its flags.
        images_sha256: Of the images that it would be trained and tested on.

    Raises:
        errors.UserError: they are of other ways, data set or images; or see `gather`.
    """
    row = {
        "ways": ways,
        "flags": {"dataset": dataset},
        "images_sha256": dict(images_sha256),
    }
    place = pathlib.Path("what is asked for now")
    for method, rows in gather(folder).items():
        for shots, figures in rows.items():
            path = path_of(folder, method, int(shots))
            _refuse_other_ways(path, figures, place, row)
            _refuse_other_data(path, figures, place, row)


def _refuse_other_ways(path, figures, first_path, first_figures) -> None:
    one, other = (f["ways"] for f in (first_figures, figures))
    if one != other:
        raise errors.UserError(
            f"{path}: of --ways={other}, {first_path} is of {one}. One table tells as "
            "many classes apart in every row: move one of them away, or name another "
            "--results_dir"
        )


def _refuse_other_data(path, figures, first_path, first_figures) -> None:
    one, other = (f["flags"]["dataset"] for f in (first_figures, figures))
    told = f"of --dataset={other}, {first_path} is of {one}"
    if one == other:
        if first_figures["images_sha256"] == figures["images_sha256"]:
            return
        told = f"of other images than {first_path}, both of --dataset={one}"
    raise errors.UserError(
        f"{path}: {told}. One table is of one data set: move one of them away, or name "
        "another --results_dir"
    )


def _notes(folder: pathlib.Path) -> dict[str, str]:
    """What is to be said of single rows, by `run_name`; written by hand.

    Raises:
        errors.UserError: no such object, or a row that there is not.
    """
    path = folder / NOTES_FILE
    if not path.is_file():
        return {}
    runs = {run_name(m, k) for m in fewshot.METHODS for k in options.SHOTS}
    try:
        found = standard_json.read_object(path)
        for run, text in found.items():
            if run not in runs or not isinstance(text, str) or not text.strip():
                raise ValueError(f"it has {run!r}: {text!r}")
    except ValueError as error:
        raise errors.UserError(
            f'{path}: expected texts by run, such as {{"maml_1shot": "..."}} ({error})'
        ) from error
    return found


def read(path: pathlib.Path, method: str, shots: int) -> dict[str, Any]:
    """A row's figures.

    Raises:
        errors.UserError: see `gather`.
    """
    try:
        figures = standard_json.read_object(path)
        told = [figures["method"], figures["shots"], float(figures["accuracy"]) >= 0]
        if told != [method, shots, True] or "dataset" not in figures["flags"]:
            raise ValueError(f"it is of {told[0]}, {told[1]}-shot")
        float(figures["interval"]), figures["filters"], figures["statistics"]
        if not isinstance(figures["ways"], int) or figures["ways"] < 2:
            raise ValueError(f"its ways are {figures['ways']}")
        figures["images_sha256"], float(figures["test_seconds"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise errors.UserError(
            f"{path}: not the figures of {method}, {shots}-shot ({error}). Move it "
            "away; the same command makes them again"
        ) from error
    return figures


def refuse_other(
    figures: Mapping[str, Any],
    path: pathlib.Path,
    flags: Mapping[str, Any],
    defaults: Mapping[str, Any],
) -> None:
    """Refuses a row's file that was made with other flags than are given now.

    Args:
        figures: Of `read`.
        path: Where they lie.
        flags: As a run with these flags would record them.
        defaults: Those of a run that was given nothing: what an older file does not
            know yet, it was made with.

    Raises:
        errors.UserError: names the first flag.
    """
    held = {**json.loads(standard_json.text(dict(defaults))), **figures["flags"]}
    for name, value in json.loads(standard_json.text(dict(flags))).items():
        if held.get(name, value) != value:
            raise errors.UserError(
                f"{path}: made with --{name}={held[name]}, now {value} is asked for. "
                "Give the flag as it was, name another --results_dir, or move the file "
                "away"
            )
