"""Market-1501: six cameras in front of a supermarket."""

import tensorflow_datasets as tfds

from data_builders import market_layout
from data_builders.base_builder import ReidBuilder
from data_builders.market1501.facts import FACTS


class Builder(ReidBuilder):
    """Builds Market-1501 from names like `0002_c1s1_000451_03.jpg`.

    person_id is the archive's, -1 (junk) and 0 (distractor) included; camera_id = 1
    to 6. `gt_bbox` (hand-drawn boxes) and `gt_query` are not read.
    """

    FACTS = FACTS
    VERSION = tfds.core.Version(FACTS.version)
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    IMAGE_FOLDERS = market_layout.image_folders(
        r"(?P<person>-1|\d{4})_c(?P<camera>[1-6])s\d_\d{6}_\d{2}"
    )
