"""Market-1501's layout, which DukeMTMC-reID and many later data sets took over."""

import re

from data_builders.readers import ImageFolder

_FOLDERS = {
    "train": "bounding_box_train",
    "query": "query",
    "gallery": "bounding_box_test",
}


def image_folders(pattern: str) -> tuple[ImageFolder, ...]:
    """The three folders of a data set in this layout.

    Args:
        pattern: what a name without its ending matches as a whole; its groups `person`
            and `camera` are the archive's numbers.
    """
    return tuple(
        ImageFolder(split, folder, pattern, _identify)
        for split, folder in _FOLDERS.items()
    )


def _identify(match: re.Match) -> tuple[int, int]:
    return int(match["person"]), int(match["camera"])
