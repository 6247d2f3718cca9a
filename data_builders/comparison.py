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
        split: [e.person_id for e in listed if e.person_id not in facts.non_identities]
        for split, listed in entries.items()
    }
    counted = [
        person
        for split, ids in persons.items()
        if facts.counts_split(split)
        for person in ids
    ]
    return Counts(
        split_images={split: len(listed) for split, listed in entries.items()},
        split_identities={split: len(set(ids)) for split, ids in persons.items()},
        identities=len(set(counted)),
        images=len(counted),
    )


@dataclasses.dataclass(frozen=True)
class Difference:
    """One thing that an archive has otherwise than it should.

    Attributes:
        what: a part ("folder P2/cam1/"), or what is counted ("images in train").
        found: the count; 0 for a part that is not there.
        expected: the known count; None for a part.
    """

    what: str
    found: int
    expected: int | None

    @property
    def is_missing(self) -> bool:
        """Whether an incomplete archive explains it; too many of a thing, never."""
        return self.expected is None or self.found < self.expected

    @property
    def found_text(self) -> str:
        """What is there, in words."""
        if self.expected is None:
            return f"no {self.what}"
        return f"{self.found:,} {self.what}"

    @property
    def expected_text(self) -> str:
        """What should be there, in words."""
        return self.what if self.expected is None else f"{self.expected:,} {self.what}"

    def __str__(self) -> str:
        if self.expected is None:
            return f"{self.what} is missing"
        return f"{self.found:,} of {self.expected:,} {self.what}"


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
        (f"identities in {split}", found.split_identities[split], expected)
        for split, expected in facts.split_identities.items()
        if split in found.split_identities
    ]
    rows += [
        ("identities in all", found.identities, facts.identities),
        ("images of identities in all", found.images, facts.images),
    ]
    differences += [
        Difference(what, have, want)
        for what, have, want in rows
        if want is not None and have != want
    ]
    return differences
