"""Made-up Market-1501 in the official layout."""

import pathlib

from data_builders import dummy_images

SPLITS = {"train": 4, "query": 2, "gallery": 5}
_NAMES = (
    "bounding_box_train/0002_c1s1_000451_03.jpg",
    "bounding_box_train/0002_c6s1_000551_01.jpg",
    "bounding_box_train/0007_c2s3_070952_01.jpg",
    "bounding_box_train/0007_c3s3_077419_03.jpg",
    "query/0001_c1s1_001051_00.jpg",
    "query/1501_c6s4_001877_00.jpg",
    "bounding_box_test/-1_c1s1_000401_03.jpg",
    "bounding_box_test/0000_c1s1_000151_01.jpg",
    "bounding_box_test/0000_c2s1_000301_02.jpg",
    "bounding_box_test/0001_c2s1_000301_00.jpg",
    "bounding_box_test/1501_c1s6_016646_01.jpg",
    "gt_bbox/0001_c1s1_001051_00.jpg",  # not read
)


def write(manual_dir: pathlib.Path) -> pathlib.Path:
    """Writes the extracted archive and returns its folder."""
    root = manual_dir / "Market-1501-v15.09.15"
    dummy_images.write(root, _NAMES)
    (root / "readme.txt").write_text("made up")
    for folder in ("bounding_box_train", "bounding_box_test", "query"):
        (root / folder / "Thumbs.db").write_bytes(b"as in the original")
    return root
