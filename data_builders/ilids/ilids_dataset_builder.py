"""QMUL i-LIDS: 119 persons in an airport's arrival hall."""

import re

import tensorflow_datasets as tfds

from data_builders.base_builder import ReidBuilder
from data_builders.facts import TargetRow
from data_builders.ilids.facts import FACTS
from data_builders.readers import ImageFolder


def _identify(match: re.Match) -> tuple[int, int]:
    return int(match["person"]), 0


class Builder(ReidBuilder):
    """Builds i-LIDS from names like `Persons/0001002.jpg` (person, image index).

    person_id is the archive's; camera_id is 0 throughout, since the archive names no
    cameras.
    """

    FACTS = FACTS
    VERSION = tfds.core.Version(FACTS.version)
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    IMAGE_FOLDERS = (
        ImageFolder(
            split="persons",
            folder="Persons",
            pattern=r"(?P<person>\d{4})\d{3}",
            identify=_identify,
        ),
    )

    @classmethod
    def trial_row(cls, reader):
        """Half of the persons, the larger one, with one image on each side."""
        persons = len(reader.persons("persons"))
        half = persons - persons // 2
        return TargetRow(half, half, half, half)
