"""DukeMTMC-reID: eight cameras on a campus; withdrawn by its authors."""

import re

import tensorflow_datasets as tfds

from data_builders.base_builder import ReidBuilder
from data_builders.dukemtmc_reid.facts import FACTS
from data_builders.readers import ImageFolder

_FOLDERS = {
    "train": "bounding_box_train",
    "query": "query",
    "gallery": "bounding_box_test",
}


def _identify(match: re.Match) -> tuple[int, int]:
    return int(match["person"]), int(match["camera"])


class Builder(ReidBuilder):
    """Builds DukeMTMC-reID from names like `0001_c2_f0046182.jpg`.

    person_id is the archive's; camera_id = 1 to 8.
    """

    FACTS = FACTS
    VERSION = tfds.core.Version(FACTS.version)
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    IMAGE_FOLDERS = tuple(
        ImageFolder(
            split=split,
            folder=folder,
            pattern=r"(?P<person>\d{4})_c(?P<camera>[1-8])_f\d{7}",
            identify=_identify,
        )
        for split, folder in _FOLDERS.items()
    )
