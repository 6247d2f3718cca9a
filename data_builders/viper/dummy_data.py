"""Made-up VIPeR in the official layout."""

import pathlib

from data_builders import dummy_images

SPLITS = {"cam_a": 3, "cam_b": 3}
_NAMES = (
    "cam_a/000_45.bmp",
    "cam_a/001_0.bmp",
    "cam_a/873_90.bmp",
    "cam_b/000_45.bmp",
    "cam_b/001_90.bmp",
    "cam_b/873_180.bmp",
)


def write(manual_dir: pathlib.Path) -> pathlib.Path:
    """Writes the extracted archive and returns its folder."""
    root = manual_dir / "VIPeR"
    dummy_images.write(root, _NAMES)
    for name in _NAMES:  # the original's files end in two bytes that are no pixels
        with (root / name).open("ab") as file:
            file.write(bytes(2))
    (root / "README.txt").write_text("made up")
    return root
