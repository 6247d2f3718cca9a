"""PRID 2011, single shot: two cameras, 200 persons seen by both."""

import functools
import re

import tensorflow_datasets as tfds

from data_builders.base_builder import ReidBuilder
from data_builders.facts import TargetRow
from data_builders.prid.facts import FACTS, SHARED_PERSONS
from data_builders.readers import ImageFolder


def _identify(match: re.Match, camera: int) -> tuple[int, int]:
    return int(match["person"]), camera


class Builder(ReidBuilder):
    """Builds PRID from names like `single_shot/cam_a/person_0001.png`.

    person_id is the archive's number: 1 to 200 are the same person in both views;
    201 and up in cam_a and in cam_b are **different** people with the same number
    (`facts.SHARED_PERSONS`). camera_id = 1 for cam_a, 2 for cam_b. `multi_shot` is
    not read.
    """

    FACTS = FACTS
    VERSION = tfds.core.Version(FACTS.version)
    RELEASE_NOTES = {"1.0.0": "Initial release."}
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
        shared = {p for p in cam_a & cam_b if p <= SHARED_PERSONS}
        probes = len(shared) // 2
        gallery = len(cam_b) - len(shared) + probes
        return TargetRow(probes, gallery, probes, gallery)
