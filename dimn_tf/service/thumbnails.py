"""The small picture of an enrolled person that is kept and shown, and nothing else."""

from __future__ import annotations

import io

import PIL.Image

from dimn_tf import images, jpeg_structure

HEIGHT, WIDTH = 256, 512
"""Pixels of a small picture, at most; ours: a person is as high as models take them."""
_QUALITY = 95  # Of 100; ours: the copy is explained in place of what was enrolled.
_END, _SCAN, _HEAD = 0xD9, 0xDA, 0xE0
"""Marks in a JPEG file. The head (APP0) tells the shape of pixels, and may hold a small
picture of the photo before it was cut; without one it has 14 bytes."""
_PARTS = {0xC0, 0xC1, 0xC2, 0xC4, 0xDB, _SCAN, 0xDD}
"""Parts that decoders need; EXIF, XMP, colours and comments are others."""


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
    if not _is_bare(file):
        return False
    try:
        with PIL.Image.open(io.BytesIO(file), formats=("JPEG",)) as picture:
            return picture.width <= WIDTH and picture.height <= HEIGHT
    except (OSError, SyntaxError, ValueError):
        return False  # `made` says what is wrong with it.


def _is_bare(file: bytes) -> bool:
    """Whether a file is a JPEG of pixels alone, from its first byte to its last.

    What follows the end mark is shown by no viewer, and read by who looks for it.
    """
    if not file.startswith(b"\xff\xd8"):
        return False
    place, kind = 2, 0
    # Pixels alone may lie between a part and the next mark.
    mark_of = jpeg_structure.MARK
    while mark := (mark_of.search if kind == _SCAN else mark_of.match)(file, place):
        kind, place = mark[1][0], mark.end()
        if kind == _END:
            return place == len(file)
        after = place + int.from_bytes(file[place : place + 2])
        part = file[place + 2 : after]
        is_head = kind == _HEAD and len(part) == 14 and part.startswith(b"JFIF\0")
        if kind not in _PARTS and not is_head:
            return False
        place = after
    return False
