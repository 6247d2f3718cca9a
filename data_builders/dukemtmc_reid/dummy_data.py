"""Made-up DukeMTMC-reID in the official layout."""

import pathlib

from data_builders import dummy_images

SPLITS = {"train": 4, "query": 2, "gallery": 3}
_NAMES = (
    "bounding_box_train/0001_c2_f0046182.jpg",
    "bounding_box_train/0001_c8_f0046302.jpg",
    "bounding_box_train/0005_c1_f0051341.jpg",
    "bounding_box_train/0005_c2_f0052160.jpg",
    "query/0033_c1_f0057706.jpg",
    "query/0033_c6_f0045755.jpg",
    "bounding_box_test/0033_c3_f0057600.jpg",
    "bounding_box_test/0002_c1_f0044158.jpg",
    "bounding_box_test/7140_c4_f0175973.jpg",
)


def write(manual_dir: pathlib.Path) -> pathlib.Path:
    """Writes the extracted archive and returns its folder."""
    root = manual_dir / "DukeMTMC-reID"
    dummy_images.write(root, _NAMES)
    (root / "LICENSE_DukeMTMC.txt").write_text("made up")
    return root
