"""What is known about a user's own data set: what its listing says."""

import dataclasses
import hashlib
import os
import re
from collections.abc import Sequence

from data_builders.facts import DatasetFacts
from data_builders.reid_folder import listing, reference

NAME = reference.NAME
VERSION = "1.0.0"
"""Raise it when records would come out otherwise."""
_HASH_LENGTH = 12

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


def facts_of(config: str | None) -> DatasetFacts:
    """The facts of the data set that a reference names.

    `default_config` is the builder config that its records are stored under. It
    holds a hash of the listing, sizes and times of the files, so that a data set
    that was changed is built anew and not taken for the old one.

    Args:
        config: what follows `reid_folder:`; None: own data as such.

    Raises:
        DataError: see `reference.parse` and `listing.read`.
    """
    if config is None:
        return FACTS
    named = reference.parse(config)
    return dataclasses.replace(
        FACTS,
        title=f"own data, {named.path.name}",
        default_config=config_name(named, listing.read(named)),
    )


def config_name(named: reference.FolderReference, listed: listing.Listing) -> str:
    """Name of the builder config that stores this listing."""
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
    plain = re.sub(r"\W+", "_", named.path.stem).strip("_") or "data"
    return f"{plain}-{digest.hexdigest()[:_HASH_LENGTH]}"


def numbers_of(names: Sequence[str]) -> dict[str, int]:
    """A whole number for each name, at least 1.

    Names that are different numbers ("0007", "12") keep them; otherwise names are
    counted from 1 in sorted order.
    """
    distinct = sorted(set(names))
    if all(re.fullmatch(r"[0-9]{1,18}", name) for name in distinct):
        numbers = {name: int(name) for name in distinct}
        if len(set(numbers.values())) == len(distinct) and min(numbers.values()) > 0:
            return numbers
    return {name: i for i, name in enumerate(distinct, start=1)}
