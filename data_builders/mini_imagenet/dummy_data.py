"""Made-up miniImageNet: noise under the names of eight images of four classes."""

import pathlib
from collections.abc import Iterable

from data_builders import dummy_images
from data_builders.mini_imagenet.classes import SPLIT_OF

SPLITS = {"train": 4, "val": 2, "test": 2}
IMAGES = (
    ("n01532829", "n0153282900000005.jpg"),
    ("n01532829", "n0153282900000006.jpg"),
    ("n13133613", "n1313361300000001.jpg"),
    ("n13133613", "n1313361300001299.jpg"),
    ("n01855672", "n0185567200000004.jpg"),
    ("n01855672", "n0185567200000005.jpg"),
    ("n07613480", "n0761348000000009.jpg"),
    ("n07613480", "n0761348000000011.jpg"),
)
"""(class, file) of each image."""


def write(manual_dir: pathlib.Path) -> pathlib.Path:
    """Writes the extracted archive, with a folder a class, and returns its folder."""
    root = manual_dir / "mini_imagenet"
    write_images(root, "{split}/{label}/{file}")
    write_lists(root)
    (root / "README.txt").write_text("made up")
    return root


def write_images(folder: pathlib.Path, layout: str) -> None:
    """Writes all images.

    Args:
        folder: where to.
        layout: an image's path, with `{split}`, `{label}` and `{file}` in it.
    """
    for label, file in IMAGES:
        path = folder / layout.format(split=SPLIT_OF[label], label=label, file=file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dummy_images.encoded(file, height=84, width=84))


def write_lists(
    folder: pathlib.Path, images: Iterable[tuple[str, str]] = IMAGES
) -> None:
    """Writes train.csv, val.csv and test.csv, which list the images given."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        rows = [f"{file},{label}" for label, file in images if SPLIT_OF[label] == split]
        text = "\n".join(["filename,label", *rows, ""])
        (folder / f"{split}.csv").write_text(text)
