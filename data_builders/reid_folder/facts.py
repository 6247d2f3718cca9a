"""What is known about a user's own data set: what its listing says."""

import dataclasses
import hashlib
import os
import pathlib
import re
from collections.abc import Sequence

from data_builders.facts import DatasetFacts
from data_builders.reid_folder import listing, reference, remembered

NAME = reference.NAME
VERSION = "1.0.0"
"""Raise it when records would come out otherwise."""
_HASH_LENGTH = 12
_NAME_LENGTH = 60  # characters of the place's own name; a path's part has 255 bytes

FACTS = DatasetFacts(
    name=NAME,
    title="own data",
    role="own",
    archives=(),
    homepage="",
    identities=None,
    images=None,
    split_images={},
    required=False,
    version=VERSION,
    default_config="unnamed",
)
"""Of own data as such, whatever it is."""


@dataclasses.dataclass(frozen=True)
class Known:
    """What a reference stands for.

    Attributes:
        named: the place.
        config: name of the builder config that stores its records.
        training_splits: the splits that are trained on.
        rows: `listing.rows_digest`.
        gone: why the place cannot be read any more, where `config` is that of records
            built from it earlier; else empty.
    """

    named: reference.FolderReference
    config: str
    training_splits: tuple[str, ...]
    rows: str
    gone: str = ""


def facts_of(
    config: str | None, data_dir: str | os.PathLike | None = None
) -> DatasetFacts:
    """The facts of the data set that a reference names.

    `default_config` is the builder config that its records are stored under.

    Args:
        config: what follows `reid_folder:`; None: own data as such.
        data_dir: TFDS' output directory, if known; see `known_of`.

    Raises:
        DataError: see `reference.parse` and `listing.read`.
    """
    if config is None:
        return FACTS
    known = known_of(config, data_dir)
    return dataclasses.replace(
        FACTS,
        title=f"own data, {known.named.path.name}",
        default_config=known.config,
        training_splits=known.training_splits,
    )


def known_of(text: str, data_dir: str | os.PathLike | None = None) -> Known:
    """Reads what a reference names, or what was built from it in this directory.

    The builder config's name holds a hash of the listing, sizes and times of the files,
    so that a data set that was changed is built anew and not taken for the old one.
    Where the place or its files are gone, and nothing that is still listed has changed,
    the records that were built from it last stand for it.

    Args:
        text: what follows `reid_folder:`.
        data_dir: TFDS' output directory; None: nothing is known to be built.

    Raises:
        DataError: see `reference.parse` and `listing.read`.
    """
    named = reference.parse(text)
    try:
        listed = listing.read(named)
    except listing.GoneError as error:
        build = None if data_dir is None else remembered.recall(data_dir, named)
        if build is None or error.rows not in ("", build.rows):
            raise
        folder = pathlib.Path(data_dir) / NAME / build.config / VERSION
        if not (folder / "dataset_info.json").is_file():
            raise
        gone = f"{error.problem.removeprefix('reid_folder: ')}, {named.path}"
        return Known(named, build.config, build.training_splits, build.rows, gone)
    return Known(
        named,
        config_name(named, listed),
        listed.training_splits,
        listing.rows_digest(named, listed.images),
    )


def config_name(named: reference.FolderReference, listed: listing.Listing) -> str:
    """Name of the builder config that stores this listing.

    Records that were counted in the order of the text (0, 10, 2), as was done once in
    version 1.0.0, have another: the version stays, so that all others are found.
    """
    digest = hashlib.sha256(named.camera_pattern.encode())
    for image in listed.images:
        state = os.stat(listed.root / image.file_name)
        row = (
            image.file_name,
            image.person,
            image.camera,
            image.split,
            str(state.st_size),
            str(state.st_mtime_ns),
        )
        digest.update("\0".join(row).encode() + b"\n")
    persons = [image.person for image in listed.images]
    for names in (persons, [image.camera for image in listed.images]):
        if not _own_numbers(names) and _in_order(names) != sorted(set(names)):
            digest.update(b"counted by number\n")
    plain = re.sub(r"\W+", "_", named.path.stem, flags=re.ASCII).strip("_")
    return f"{plain[:_NAME_LENGTH] or 'data'}-{digest.hexdigest()[:_HASH_LENGTH]}"


def numbers_of(names: Sequence[str]) -> dict[str, int]:
    """A whole number for each name, at least 1.

    Names that are different numbers ("0007", "12") keep them; otherwise names are
    counted from 1: numbers (with a 0 among them, or "01" and "1") in their order, other
    names in that of the text.
    """
    counted = {name: i for i, name in enumerate(_in_order(names), start=1)}
    return _own_numbers(names) or counted


def _own_numbers(names: Sequence[str]) -> dict[str, int]:
    """The numbers that names are; empty where they cannot keep them."""
    distinct = set(names)
    if not all(re.fullmatch(r"[0-9]{1,18}", name) for name in distinct):
        return {}
    numbers = {name: int(name) for name in distinct}
    different = len(set(numbers.values())) == len(distinct)
    return numbers if different and min(numbers.values()) > 0 else {}


def _in_order(names: Sequence[str]) -> list[str]:
    """The different names as they are counted."""
    distinct = sorted(set(names))
    if all(re.fullmatch(r"[0-9]+", name) for name in distinct):
        # As text, without leading zeros: `int` takes no more than some 4,000 digits.
        plain = {name: name.lstrip("0") for name in distinct}
        distinct.sort(key=lambda name: (len(plain[name]), plain[name]))
    return distinct
