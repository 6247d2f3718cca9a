"""Market-1501: six cameras in front of a supermarket."""

import re

import tensorflow_datasets as tfds

from data_builders.base_builder import ReidBuilder
from data_builders.market1501.facts import FACTS
from data_builders.readers import ImageFolder

_FOLDERS = {
    "train": "bounding_box_train",
    "query": "query",
    "gallery": "bounding_box_test",
}


def _identify(match: re.Match) -> tuple[int, int]:
    return int(match["person"]), int(match["camera"])


class Builder(ReidBuilder):
    """Builds Market-1501 from names like `0002_c1s1_000451_03.jpg`.

    person_id is the archive's, -1 (junk) and 0 (distractor) included; camera_id = 1
    to 6. `gt_bbox` (hand-drawn boxes) and `gt_query` are not read.
    """

    FACTS = FACTS
    VERSION = tfds.core.Version(FACTS.version)
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    IMAGE_FOLDERS = tuple(
        ImageFolder(
            split=split,
            folder=folder,
            pattern=r"(?P<person>-1|\d{4})_c(?P<camera>[1-6])s\d_\d{6}_\d{2}",
            identify=_identify,
        )
        for split, folder in _FOLDERS.items()
    )
