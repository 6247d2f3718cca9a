"""Made-up images, packed straight into archive files."""

import dataclasses
import io
import pathlib
import tarfile
import zipfile
from collections.abc import Iterable, Iterator

import numpy as np

from data_builders import dummy_images
from dimn_tf import files

Member = tuple[str, bytes]
"""A file of an archive: its "/" separated name and its content."""


@dataclasses.dataclass(frozen=True)
class Size:
    """Height and width of an image in pixels."""

    height: int
    width: int


TINY = Size(12, 6)


def images(names: Iterable[str], size: Size) -> Iterator[Member]:
    """Noise for each name, seeded by it, in the format that its ending says."""
    for name in names:
        yield name, dummy_images.encoded(name, height=size.height, width=size.width)


def write_zip(path: pathlib.Path, members: Iterable[Member]) -> pathlib.Path:
    """Packs the members, uncompressed as archives of images mostly are."""
    with (
        files.replacing(path) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as file,
    ):
        for name, content in members:
            file.writestr(name, content)
    return path


def write_tgz(path: pathlib.Path, members: Iterable[Member]) -> pathlib.Path:
    """Packs the members as a compressed tar."""
    with files.replacing(path) as partial, tarfile.open(partial, "w:gz") as file:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def spread(total: int, parts: int, least: int, most: int, seed: int = 0) -> np.ndarray:
    """Shares a number of images out among persons, unevenly as real data are.

    Example: spread(10, 4, least=1, most=4) -> int64 [4] of 1..4 whose sum is 10.

    Args:
        total: what is shared out.
        parts: among how many.
        least: what each gets at least.
        most: what each gets at most.
        seed: draws the shares.

    Raises:
        ValueError: it cannot be done within `least` and `most`.
    """
    if not parts * least <= total <= parts * most:
        raise ValueError(
            f"{total} cannot be shared out among {parts}, {least} to {most} each"
        )
    places = np.repeat(np.arange(parts), most - least)
    chosen = np.random.default_rng(seed).choice(
        places, total - parts * least, replace=False
    )
    return least + np.bincount(chosen, minlength=parts)
