"""Made-up images for the builders' tests: noise, no picture of anyone."""

import io
import pathlib
import zlib
from collections.abc import Iterable

import numpy as np
import PIL.Image

_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".bmp": "BMP"}


def pixels(seed: int, height: int = 16, width: int = 8) -> np.ndarray:
    """Noise: uint8 [height, width, 3]."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(name: str, height: int = 16, width: int = 8) -> bytes:
    """An image in the format that its name's ending says, noise seeded by the name."""
    buffer = io.BytesIO()
    image = PIL.Image.fromarray(pixels(zlib.crc32(name.encode()), height, width))
    image.save(buffer, format=_FORMATS[pathlib.PurePosixPath(name).suffix.lower()])
    return buffer.getvalue()


def write(folder: pathlib.Path, names: Iterable[str], **size: int) -> None:
    """Writes one image for each name, which may hold "/"."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(name, **size))
