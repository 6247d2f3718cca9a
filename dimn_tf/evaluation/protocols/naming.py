"""Names of images in trials."""

from __future__ import annotations

import pathlib

from dimn_tf import errors
from dimn_tf.evaluation.protocols import resolved_trial


def stem(file_name: str) -> str:
    """A file name without its extension: 'cam_a/000_45.bmp' -> 'cam_a/000_45'."""
    return str(pathlib.PurePosixPath(file_name).with_suffix(""))


def data_set(reference: str) -> str:
    """Name of a data set, wherever it lies and whatever its builder config."""
    return reference.split(":")[0].split("/")[0]


def image_names(records: resolved_trial.Records) -> list[str]:
    """The name of each image in trials, in the order of the records.

    It is the file name without its extension, so that published lists serve those who
    have `.png` and those who have `.jpg`. In own data whose file names differ in the
    extension alone (`7/1.jpg` beside `7/1.png`), all keep theirs.

    Raises:
      UserError: such names in another data set, where they are copies.
    """
    from data_builders import registry

    file_names = [str(name) for name in records.file_names]
    stems = [stem(name) for name in file_names]
    copies = len(stems) - len(set(stems))
    if not copies:
        return stems
    if data_set(records.reference) == registry.OWN_DATA:
        return file_names
    by_stem: dict[str, str] = {}
    first = next(
        (by_stem[without], name)
        for name, without in zip(file_names, stems, strict=True)
        if by_stem.setdefault(without, name) != name
    )
    raise errors.UserError(
        f"{records.reference} holds images whose names differ in their extension alone "
        f"({copies} of them; the first are {' and '.join(first)}): remove the copies "
        "and build it anew"
    )
