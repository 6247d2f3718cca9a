"""CUHK02: five pairs of cameras, each with its own persons."""

import functools
import re

import tensorflow_datasets as tfds

from data_builders.base_builder import ReidBuilder
from data_builders.cuhk02.facts import FACTS, PAIR_IDENTITIES
from data_builders.readers import ImageFolder


def _identify(match: re.Match, pair: int, camera: int) -> tuple[int, int]:
    """Numbers are given per pair, so the pair makes them unique."""
    return 1000 * pair + int(match["person"]), 2 * (pair - 1) + camera


class Builder(ReidBuilder):
    """Builds CUHK02 from `Dataset/P1..P5/cam1,cam2/001_1.png`.

    person_id = 1000 * pair + the pair's own number; camera_id = 1 to 10.
    """

    FACTS = FACTS
    VERSION = tfds.core.Version(FACTS.version)
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    IMAGE_FOLDERS = tuple(
        ImageFolder(
            split=f"p{pair}",
            folder=f"P{pair}/cam{camera}",
            pattern=r"(?P<person>\d{3})_\d+",
            identify=functools.partial(_identify, pair=pair, camera=camera),
        )
        for pair in range(1, len(PAIR_IDENTITIES) + 1)
        for camera in (1, 2)
    )
