"""Compares what an archive holds with what is known about the data set."""

import collections
import dataclasses
from collections.abc import Hashable, Mapping, Sequence

from data_builders.difference import Difference, first_of
from data_builders.facts import DatasetFacts
from data_builders.readers import Entry, Reader


@dataclasses.dataclass(frozen=True)
class Counts:
    """Images and identities of an archive.

    Attributes:
        split_images: split -> images, non-identities included.
        split_identities: split -> identities.
        identities: identities over the splits that Table 1 counts.
        images: images of those identities.
        identity_images: identity -> its images, over the same splits.
    """

    split_images: Mapping[str, int]
    split_identities: Mapping[str, int]
    identities: int
    images: int
    identity_images: Mapping[Hashable, int]


def count(entries: Mapping[str, Sequence[Entry]], facts: DatasetFacts) -> Counts:
    """Counts of an archive's entries."""
    shown = {
        split: [e.identity for e in listed if e.identity not in facts.non_identities]
        for split, listed in entries.items()
    }
    counted = collections.Counter(
        identity
        for split, identities in shown.items()
        if facts.counts_split(split)
        for identity in identities
    )
    return Counts(
        split_images={split: len(listed) for split, listed in entries.items()},
        split_identities={split: len(set(found)) for split, found in shown.items()},
        identities=len(counted),
        images=counted.total(),
        identity_images=counted,
    )


def compare(reader: Reader, facts: DatasetFacts) -> list[Difference]:
    """Compares a reader's entries with the facts.

    Figures that the facts leave out (made-up data) are not checked.

    Returns:
        All differences; parts that are not there come first.
    """
    found = count(reader.entries, facts)
    differences = [Difference(part.name, 0, None) for part in reader.missing]
    explained = {part.split for part in reader.missing}
    rows = []
    for split, expected in facts.split_images.items():
        images = found.split_images.get(split, 0)
        if images or split not in {*explained, *facts.optional_splits}:
            rows.append((f"images in {split}", images, expected))
    rows += [
        (f"{facts.counted} in {split}", found.split_identities[split], expected)
        for split, expected in facts.split_identities.items()
        if split in found.split_identities
    ]
    rows += [
        (f"{facts.counted} in all", found.identities, facts.identities),
        (f"images of {facts.counted} in all", found.images, facts.images),
    ]
    differences += [
        Difference(what, have, want)
        for what, have, want in rows
        if want is not None and have != want
    ]
    differences += _of_each_identity(found, facts)
    return differences + reader.differences


def _of_each_identity(found: Counts, facts: DatasetFacts) -> list[Difference]:
    """Identities with fewer images than each should have, and those with more."""
    want = facts.images_per_identity
    if want is None:
        return []
    images = found.identity_images
    fewer = [f"{identity}: {have}" for identity, have in images.items() if have < want]
    more = [f"{identity}: {have}" for identity, have in images.items() if have > want]
    differences = []
    if fewer:
        what = f"{facts.counted} of {want:,} images"
        right = len(images) - len(fewer) - len(more)
        differences.append(Difference(what, right, len(images), first_of(fewer)))
    if more:
        what = f"{facts.counted} of more than {want:,} images"
        differences.append(Difference(what, len(more), 0, first_of(more)))
    return differences
