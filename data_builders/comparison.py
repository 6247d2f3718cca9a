"""Compares what an archive holds with what is known about the data set."""

import dataclasses
from collections.abc import Mapping, Sequence

from data_builders.facts import DatasetFacts
from data_builders.readers import ImageEntry, Reader


@dataclasses.dataclass(frozen=True)
class Counts:
    """Images and identities of an archive.

    Attributes:
        split_images: split -> images, non-identities included.
        split_identities: split -> identities.
        identities: identities over the splits that Table 1 counts.
        images: images of those identities.
    """

    split_images: Mapping[str, int]
    split_identities: Mapping[str, int]
    identities: int
    images: int


def count(entries: Mapping[str, Sequence[ImageEntry]], facts: DatasetFacts) -> Counts:
    """Counts of an archive's entries."""
    persons = {
        split: [e.person_id for e in of_split if e.person_id not in facts.non_identities]
        for split, of_split in entries.items()
    }
    counted = [p for split, ids in persons.items() if facts.counts_split(split) for p in ids]
    return Counts(
        split_images={split: len(of_split) for split, of_split in entries.items()},
        split_identities={split: len(set(ids)) for split, ids in persons.items()},
        identities=len(set(counted)),
        images=len(counted),
    )


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Differences between an archive and the known statistics.

    Attributes:
        missing: what an incomplete archive lacks: (found, expected) in words.
        wrong: what no part of the data set can explain, in the same form.
    """

    missing: tuple[tuple[str, str], ...]
    wrong: tuple[tuple[str, str], ...]


def compare(reader: Reader, facts: DatasetFacts) -> Comparison:
    """Compares a reader's entries with the facts.

    Expected figures that the facts leave out (made-up data) are not checked.
    """
    found = count(reader.entries, facts)
    missing = [(f"no {part}", part) for part in reader.missing]
    wrong = []
    rows = [
        (f"images in {split}", found.split_images.get(split, 0), expected)
        for split, expected in facts.split_images.items()
        if not (split in facts.optional_splits and split not in found.split_images)
    ]
    rows += [
        (f"identities in {split}", found.split_identities[split], expected)
        for split, expected in facts.split_identities.items()
        if split in found.split_identities
    ]
    rows += [
        ("identities in all", found.identities, facts.identities),
        ("images of identities in all", found.images, facts.images),
    ]
    for what, have, want in rows:
        if want is None or have == want:
            continue
        row = (f"{have:,} {what}", f"{want:,} {what}")
        (missing if have < want else wrong).append(row)
    return Comparison(tuple(missing), tuple(wrong))
