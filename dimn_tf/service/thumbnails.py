"""The small picture of an enrolled person that is kept and shown, and nothing else."""

from __future__ import annotations

import io

import PIL.Image

from dimn_tf import images

HEIGHT, WIDTH = 256, 512
"""Pixels of a small picture, at most; ours: a person is as high as models take them."""
_QUALITY = 95  # Of 100; ours: the copy is explained in place of what was enrolled.
_HARMLESS = {"APP0"}  # Segments of a JPEG file; EXIF, XMP and colours are others.


def made(file: bytes) -> bytes:
    """A small JPEG of an image: upright, of its pixels alone, without its metadata.

    Args:
        file: An image file.

    Raises:
        images.ImageFault: it cannot be decoded.
    """
    picture = PIL.Image.fromarray(images.decoded(file))
    picture.thumbnail((WIDTH, HEIGHT), PIL.Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    # Colours in full resolution: people are told apart by them.
    picture.save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()


def shown(file: bytes) -> bytes:
    """The file, where it is a small picture already; else one made of it.

    Galleries that commands or older services filled hold whole photos, which tell where
    and by whom they were taken.

    Args:
        file: An image file.

    Raises:
        images.ImageFault: it cannot be decoded.
    """
    return file if _is_small(file) else made(file)


def _is_small(file: bytes) -> bool:
    if not file.startswith(b"\xff\xd8"):
        return False
    try:
        with PIL.Image.open(io.BytesIO(file), formats=("JPEG",)) as picture:
            fits = picture.width <= WIDTH and picture.height <= HEIGHT
            segments = {name for name, _ in picture.applist}
            return fits and segments <= _HARMLESS and "comment" not in picture.info
    except (OSError, SyntaxError, ValueError):
        return False  # `made` says what is wrong with it.
