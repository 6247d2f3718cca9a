"""PRID 2011, single shot: two cameras, 200 persons seen by both."""

import functools
import re

import tensorflow_datasets as tfds

from data_builders.base_builder import ReidBuilder
from data_builders.facts import TargetRow
from data_builders.prid.facts import FACTS, ONLY_IN_B, SHARED_PERSONS
from data_builders.readers import ImageFolder

_CAMERA_B = 2


def _identify(match: re.Match, camera: int) -> tuple[int, int]:
    number = int(match["person"])
    if camera == _CAMERA_B and number > SHARED_PERSONS:
        number += ONLY_IN_B
    return number, camera


class Builder(ReidBuilder):
    """Builds PRID from names like `single_shot/cam_a/person_0001.png`.

    person_id is the archive's number in cam_a, and in cam_b up to 200, whom both views
    show. From 201 on the archive gives different people of cam_a and cam_b the same
    numbers: those of cam_b are 1,000 larger here. camera_id = 1 for cam_a, 2 for
    cam_b. `multi_shot` is not read.
    """

    FACTS = FACTS
    VERSION = tfds.core.Version(FACTS.version)
    RELEASE_NOTES = {
        "1.0.0": "Initial release.",
        "2.0.0": "Camera B's own persons have ids of their own: 934 identities.",
    }
    IMAGE_FOLDERS = tuple(
        ImageFolder(
            split=split,
            folder=f"single_shot/{split}",
            pattern=r"person_(?P<person>\d{4})",
            identify=functools.partial(_identify, camera=camera),
        )
        for camera, split in enumerate(("cam_a", "cam_b"), start=1)
    )

    @classmethod
    def trial_row(cls, reader):
        """Half of the shared persons against all that camera B shows but the rest."""
        cam_a, cam_b = (reader.persons(split) for split in ("cam_a", "cam_b"))
        shared = cam_a & cam_b
        probes = len(shared) // 2
        gallery = len(cam_b) - len(shared) + probes
        return TargetRow(probes, gallery, probes, gallery)
