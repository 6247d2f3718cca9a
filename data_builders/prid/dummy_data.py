"""Made-up PRID 2011 in the official layout."""

import pathlib

from data_builders import dummy_images

SPLITS = {"cam_a": 3, "cam_b": 4}
_NAMES = (
    "single_shot/cam_a/person_0001.png",
    "single_shot/cam_a/person_0200.png",
    "single_shot/cam_a/person_0201.png",
    "single_shot/cam_b/person_0001.png",
    "single_shot/cam_b/person_0200.png",
    "single_shot/cam_b/person_0201.png",
    "single_shot/cam_b/person_0749.png",
    "multi_shot/cam_a/person_0001/0001.png",  # not read
)


def write(manual_dir: pathlib.Path) -> pathlib.Path:
    """Writes the extracted archive and returns its folder."""
    root = manual_dir / "prid_2011"
    dummy_images.write(root, _NAMES)
    (root / "readme.txt").write_text("made up")
    return root
