"""DukeMTMC-reID: eight cameras on a campus; withdrawn by its authors."""

import tensorflow_datasets as tfds

from data_builders import market_layout
from data_builders.base_builder import ReidBuilder
from data_builders.dukemtmc_reid.facts import FACTS


class Builder(ReidBuilder):
    """Builds DukeMTMC-reID from names like `0001_c2_f0046182.jpg`.

    person_id is the archive's; camera_id = 1 to 8.
    """

    FACTS = FACTS
    VERSION = tfds.core.Version(FACTS.version)
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    IMAGE_FOLDERS = market_layout.image_folders(
        r"(?P<person>\d{4})_c(?P<camera>[1-8])_f\d{7}"
    )
