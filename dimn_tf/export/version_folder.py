"""The folder of an export's version, and what its metadata.json says."""

from __future__ import annotations

import pathlib
from typing import Any

from dimn_tf import errors, standard_json
from dimn_tf.export import layout

_METADATA = {
    "checkpoint_sha256": str,
    "dimension": int,
    "input_height": int,
    "input_width": int,
    "inner_product_scale": (int, float, type(None)),
    "largest_pixels": int,
}


def find(path: pathlib.Path) -> pathlib.Path:
    """The folder of the newest version of an export, or the version's that is named.

    Raises:
        errors.UserError: there is none, or the newest is not whole.
    """
    if (path / layout.METADATA_FILE).is_file():
        return path
    command = "python -m experiments.export --workdir=RUN --export_dir="
    if not path.is_dir():
        found = "it is a file" if path.exists() else "there is no such folder"
        raise errors.UserError(
            f"--model={path}: {found}; expected the folder of an export. Make one: "
            f"{command}{path if not path.exists() else 'EXPORT'}"
        )
    versions = [p for p in path.iterdir() if p.name.isdecimal() and p.is_dir()]
    if not versions:
        found = "an empty folder"
        if (path / "saved_model.pb").is_file():
            found = f"a SavedModel without {layout.METADATA_FILE}"
        elif (path / "checkpoints").is_dir():
            found = "a run's work directory: export it first"
        elif any(path.iterdir()):
            found = "a folder without a version's folder (1, 2, ...)"
        raise errors.UserError(
            f"--model={path}: there is no export, found {found}. Make one: "
            f"{command}EXPORT"
        )
    newest = max(versions, key=lambda p: int(p.name))
    if not (newest / layout.METADATA_FILE).is_file():
        raise errors.UserError(
            f"--model={newest}: it lacks {layout.METADATA_FILE}: it is no export of "
            "experiments.export, or not whole. Name another version, or export again"
        )
    return newest


def read_metadata(path: pathlib.Path) -> dict[str, Any]:
    """What metadata.json of a version says.

    Raises:
        errors.UserError: it cannot be read, or lacks what this program needs.
    """
    try:
        found = standard_json.read_object(path)
    except (OSError, ValueError) as error:
        raise errors.UserError(
            f"{path}: cannot be read as JSON ({error}). Copy the export again, or "
            "export the run again"
        ) from error
    wrong = [
        name
        for name, kind in _METADATA.items()
        if name not in found
        or not isinstance(found[name], kind)
        or isinstance(found[name], bool)
        or found[name] == ""
    ]
    if wrong:
        raise errors.UserError(
            f"{path}: {', '.join(wrong)} missing or of another type: the export is of "
            "an older version of this program, or was changed by hand. Export the run "
            "again (of the same checkpoint: galleries stay as they are)"
        )
    return found
