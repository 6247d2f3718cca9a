"""Image files of more parts than anybody writes: told before PIL reads them.

PIL reads these one by one in Python and keeps what is in them, so that a file of
millions, or one whose table of tags names the same bytes again and again, takes seconds
of a core a megabyte, or memory without an end. So each format is walked as PIL walks
it, also where it is broken: what stops this walk alone hides what comes behind.
"""

import io
import itertools
import struct
from collections.abc import Iterator
from typing import BinaryIO

from PIL import JpegImagePlugin

from dimn_tf import tag_tables

MOST_PARTS = 4_000
"""Parts of a file (of a PNG those of less than `_SMALL` bytes: its pixels may come in
pieces); ours: cameras and encoders write some dozens."""
_SMALL = 1_024
MOST_JUNK = 1 << 16
"""Bytes of a JPEG that belong to none of its parts, which PIL passes over one by one;
ours: cameras that fill up write some kilobytes."""
MANY = f"it has more than {MOST_PARTS:,} parts, as no camera makes"
"""What is told of such a file."""
_PROFILE = MOST_PARTS // 8
"""Parts that a PNG's profile of colours counts for: PIL inflates each, a megabyte of a
kilobyte; the standard allows one."""
_JUNK = f"more than {MOST_JUNK:,} bytes lie between its parts, as no camera makes"

_PNG, _JPEG, _GIF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8", (b"GIF87a", b"GIF89a")
_TIFF = (b"II*\0", b"II\0*", b"II+\0", b"MM\0*", b"MM*\0", b"MM\0+")
# PIL reads EXIF's tables with a TIFF's pixels, and one in them. Of what other formats
# hold as EXIF, it is asked for the first table alone.
_DEPTH = 2
# What PIL does at a mark of a JPEG: None where no length stands behind it.
_READERS = {mark: reader for mark, (_, _, reader) in JpegImagePlugin.MARKER.items()}
_FILL, _PLAIN, _SCAN, _EXIF, _MPF = 0xFFFF, 0xFF00, 0xFFDA, 0xFFE1, 0xFFE2
_LAYER = 3  # Bytes of a frame's layer.
_COMMENT, _APPLICATION = b"\xfe", b"\xff"  # Kinds of a GIF's blocks.
_EXIF_HEAD, _MPF_HEAD = b"Exif\0\0", b"MPF\0"


def fault_of(file: BinaryIO) -> str:
    """What is wrong with the parts before an image's pixels; empty where nothing is.

    Whatever else is wrong with them is not looked at.

    Args:
        file: It can be sought in, and is left at its beginning.

    Returns:
        One line.
    """
    file.seek(0)
    head = file.read(8)
    try:
        if head == _PNG:
            parts = _of_png(file)
        elif head.startswith(_GIF):
            parts = _of_gif(file)
        elif head.startswith(_JPEG):
            return _fault_of_jpeg(file)
        elif head.startswith(_TIFF):
            return tag_tables.fault_of(file, _DEPTH)
        else:
            return ""
        return MANY if _are_many(parts) else ""
    finally:
        file.seek(0)


def fault_of_exif(block: bytes) -> str:
    """As `fault_of`, of the EXIF that a file holds."""
    while block.startswith(_EXIF_HEAD):
        block = block[len(_EXIF_HEAD) :]
    return tag_tables.fault_of(io.BytesIO(block))


def weight_of(kind: bytes, length: int) -> int:
    """How many parts a part of a PNG counts for, of the `MOST_PARTS` of a file.

    Args:
        kind: Its four letters.
        length: Bytes of its content.
    """
    return _PROFILE if kind == b"iCCP" else int(length < _SMALL)


def _are_many(parts: Iterator[None]) -> bool:
    return any(count > MOST_PARTS for count, _ in enumerate(parts, start=1))


def _of_png(file: BinaryIO) -> Iterator[None]:
    """The chunks before the pixels that count, each as often as it does."""
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IDAT":
            return
        yield from itertools.repeat(None, weight_of(kind, length))
        file.seek(length + 4, io.SEEK_CUR)


def _of_gif(file: BinaryIO) -> Iterator[None]:
    """The blocks before the pixels, and what lies between them."""
    file.seek(10)
    flags = file.read(1)
    file.seek(13 + (3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0))
    while (kind := file.read(1)) and kind not in b",;":
        yield
        if kind != b"!":
            continue
        label, block = file.read(1), _block(file)
        if label != _COMMENT:  # PIL reads on behind these though they are empty.
            if label == _APPLICATION and block.startswith(b"NETSCAPE2.0"):
                _block(file)
            block = _block(file)
        while block:
            yield
            block = _block(file)


def _block(file: BinaryIO) -> bytes:
    length = file.read(1)
    return file.read(length[0]) if length else b""


def _fault_of_jpeg(file: BinaryIO) -> str:
    """Of the parts before the first scan, and of the tags in them."""
    file.seek(2)
    parts, junk, exif = 0, 0, []
    while byte := file.read(1):
        if byte != b"\xff":
            junk += 1
            if junk > MOST_JUNK:
                return _JUNK
            continue
        mark = int.from_bytes(byte + file.read(1))
        parts += 1
        if mark == _FILL:
            file.seek(-1, io.SEEK_CUR)
        elif reader := _READERS.get(mark):
            if mark == _SCAN:
                break
            length = max(0, int.from_bytes(file.read(2)) - 2)
            if reader is JpegImagePlugin.SOF:
                parts += length // _LAYER
            if mark not in (_EXIF, _MPF):
                file.seek(length, io.SEEK_CUR)
            else:
                content = file.read(length)
                if mark == _EXIF and content.startswith(_EXIF_HEAD):
                    exif.append(content[len(_EXIF_HEAD) :])  # PIL joins them.
                elif content.startswith(_MPF_HEAD):
                    tags = io.BytesIO(content[len(_MPF_HEAD) :])
                    if fault := tag_tables.fault_of(tags):
                        return fault
        elif mark not in _READERS and mark != _PLAIN:
            break  # Here PIL gives it up.
        if parts > MOST_PARTS:
            return MANY
    return fault_of_exif(b"".join(exif))
