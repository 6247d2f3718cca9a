"""CUHK03: five pairs of cameras; boxes found by a detector, and drawn by hand."""

import re

import tensorflow_datasets as tfds

from data_builders.base_builder import ReidBuilder
from data_builders.cuhk03 import mat_reader, naming
from data_builders.cuhk03.facts import FACTS
from data_builders.readers import FolderReader, ImageFolder


def _identify(match: re.Match) -> tuple[int, int]:
    return naming.numbers(int(match["pair"]), int(match["person"]), int(match["view"]))


def _image_folder(half: str) -> ImageFolder:
    return ImageFolder(
        split=half,
        folder=f"images_{half}",
        pattern=r"(?P<pair>[1-5])_(?P<person>\d{3})_(?P<view>[12])_\d{2}",
        identify=_identify,
    )


class Builder(ReidBuilder):
    """Builds CUHK03 from the official `cuhk-03.mat` or from extracted images.

    Extracted: `images_detected/1_001_1_01.png` = pair, person, view, index, and
    `images_labeled/` where it is there; the `.mat` yields the same names.
    person_id = 1000 * pair + the pair's own number; camera_id = 1 to 10.
    """

    FACTS = FACTS
    VERSION = tfds.core.Version(FACTS.version)
    RELEASE_NOTES = {"1.0.0": "Initial release."}

    @classmethod
    def open_reader(cls, archive, resources):
        """See base class; picks the reader of the archive's form.

        Where there are both forms, as torchreid leaves them, the official one is read.
        """
        names = {name.rpartition("/")[2] for name in archive.names}
        if mat_reader.FILE_NAME in names:
            root = archive.root({mat_reader.FILE_NAME})
            return mat_reader.MatReader(archive, root, resources)
        root = archive.root({mat_reader.FILE_NAME, "images_detected"})
        labeled = f"{root}images_labeled/"
        halves = ["detected"]
        if any(name.startswith(labeled) for name in archive.names):
            halves.append("labeled")
        return FolderReader(archive, FACTS, [_image_folder(half) for half in halves])
