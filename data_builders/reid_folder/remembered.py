"""Which records were built from a place, for when its images are gone."""

import dataclasses
import hashlib
import os
import pathlib

from data_builders.reid_folder.reference import NAME, FolderReference
from dimn_tf import files, standard_json

_FOLDER = ".places"


@dataclasses.dataclass(frozen=True)
class Build:
    """The records that were built from a place last.

    Attributes:
        config: their builder config.
        rows: `listing.rows_digest` of what was listed.
        training_splits: the splits that are trained on.
    """

    config: str
    rows: str
    training_splits: tuple[str, ...]


def note(data_dir: str | os.PathLike, named: FolderReference, build: Build) -> None:
    """Notes in a data directory what was built from a place."""
    if recall(data_dir, named) == build:
        return
    record = {"place": os.fspath(named.path), **dataclasses.asdict(build)}
    with files.replacing(_path(data_dir, named)) as partial:
        partial.write_text(standard_json.text(record), encoding="utf-8")


def recall(data_dir: str | os.PathLike, named: FolderReference) -> Build | None:
    """What `note` noted; None where nothing was, or the note is damaged."""
    try:
        record = standard_json.read_object(_path(data_dir, named))
    except (FileNotFoundError, ValueError):
        return None
    config, rows = record.get("config"), record.get("rows")
    splits = record.get("training_splits")
    if not isinstance(splits, list):
        return None
    if not all(isinstance(text, str) for text in (config, rows, *splits)):
        return None
    return Build(config, rows, tuple(splits))


def _path(data_dir: str | os.PathLike, named: FolderReference) -> pathlib.Path:
    key = f"{named.path}\0{named.camera_pattern}".encode(errors="surrogateescape")
    name = f"{hashlib.sha256(key).hexdigest()[:32]}.json"
    return pathlib.Path(data_dir) / NAME / _FOLDER / name
