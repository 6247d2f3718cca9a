"""Made-up i-LIDS in the official layout."""

import pathlib

from data_builders import dummy_images

SPLITS = {"persons": 5}
_NAMES = ("0001001.jpg", "0001002.jpg", "0002001.jpg", "0119001.jpg", "0119008.jpg")


def write(manual_dir: pathlib.Path) -> pathlib.Path:
    """Writes the extracted archive and returns its folder."""
    root = manual_dir / "i-LIDS_Pedestrian"
    dummy_images.write(root, (f"Persons/{name}" for name in _NAMES))
    return root
