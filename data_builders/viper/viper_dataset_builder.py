"""VIPeR: 632 persons, one image in each of two views."""

import functools
import re

import tensorflow_datasets as tfds

from data_builders.base_builder import ReidBuilder
from data_builders.facts import TargetRow
from data_builders.readers import ImageFolder
from data_builders.viper.facts import FACTS


def _identify(match: re.Match, camera: int) -> tuple[int, int]:
    return int(match["person"]), camera


class Builder(ReidBuilder):
    """Builds VIPeR from names like `cam_a/000_45.bmp` (person, viewing angle).

    person_id is the archive's, with gaps; camera_id = 1 for cam_a, 2 for cam_b.
    """

    FACTS = FACTS
    VERSION = tfds.core.Version(FACTS.version)
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    IMAGE_FOLDERS = tuple(
        ImageFolder(
            split=folder,
            folder=folder,
            pattern=r"(?P<person>\d{3})_\d{1,3}",
            identify=functools.partial(_identify, camera=camera),
        )
        for camera, folder in enumerate(("cam_a", "cam_b"), start=1)
    )

    @classmethod
    def trial_row(cls, reader):
        """Half of the persons, camera A against camera B."""
        cam_a, cam_b = (reader.persons(split) for split in ("cam_a", "cam_b"))
        half = len(cam_a & cam_b) // 2
        return TargetRow(half, half, half, half)
