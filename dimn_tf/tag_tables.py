"""Tables of tags, as TIFF files and EXIF have them: floods that PIL would read.

A tag names bytes of the file by their place. Tags that all name the same bytes have PIL
keep them once for each.
"""

import dataclasses
import io
import struct
from typing import BinaryIO

from PIL import TiffTags

MOST_TAGS = 4_000
"""Of a file's first table; ours: cameras write some dozens."""
_MOST_NAMED = (1 << 16) - 1
"""Of a table that a tag names; ours: where a tool has left the tag and not the table,
any number stands there, and what it counts are no tags."""
_FLOOD = (
    "its tags name more bytes than it has, or there are too many, as no camera makes"
)
_HARMLESS = 1 << 20  # Bytes that tags may name, in a file however small.
# Bytes of a value, by its type.
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8}
_BYTES |= {11: 4, 12: 8, 13: 4, 16: 8}
_NAMING = TiffTags.TAGS_V2_GROUPS  # Tags whose value is the place of a table.


@dataclasses.dataclass(frozen=True)
class _Form:
    """How numbers are written; those of large files (BigTIFF) have twice the bytes.

    Attributes:
        endian: "little" or "big".
        number: Of a place in the file.
        count: Of a table's number of tags.
        tag: Of its name, its type, how many values it has, and these or their place.
    """

    endian: str
    number: struct.Struct
    count: struct.Struct
    tag: struct.Struct

    @classmethod
    def of(cls, endian: str, big: bool) -> "_Form":
        number, count, tag = ("Q", "Q", "HHQ8s") if big else ("I", "H", "HHI4s")
        order = "<" if endian == "little" else ">"
        return cls(endian, *(struct.Struct(order + f) for f in (number, count, tag)))


def fault_of(file: BinaryIO, depth: int = 0) -> str:
    """What is wrong with a file's first table; empty where nothing is.

    Args:
        file: A TIFF file, or what is built like one; it can be sought in.
        depth: How far the tables that its tags name are looked at, too: 1 for those,
            2 for those that these name ...

    Returns:
        One line.
    """
    file.seek(0)
    head = file.read(16)
    if not head.startswith((b"II", b"MM")) or len(head) < 8:
        return ""
    endian = "little" if head.startswith(b"II") else "big"
    kinds = {head[2] == 43}  # So PIL knows large files; the standard, by either byte.
    if head[3] == 43:
        kinds.add(True)
    for big in kinds:
        start = int.from_bytes(head[8:] if big else head[4:8], endian)
        if _is_flood(file, _Form.of(endian, big), start, MOST_TAGS, depth):
            return _FLOOD
    return ""


def _is_flood(file: BinaryIO, form: _Form, start: int, most: int, depth: int) -> bool:
    size = file.seek(0, io.SEEK_END)
    # PIL takes those that are there of a table that is cut off.
    there = max(0, size - start - form.count.size) // form.tag.size
    if not there:
        return False
    file.seek(start)
    tags = min(there, *form.count.unpack(file.read(form.count.size)))
    if tags > most:
        return True
    named, tables = 0, {}
    for _ in range(tags):
        name, kind, values, value = form.tag.unpack(file.read(form.tag.size))
        width = _BYTES.get(kind, 0)
        if values * width > form.number.size:
            (place,) = form.number.unpack(value)
            place = min(place, size)
            named += min(values * width, size - place)
            value = _at(file, place, width) if name in _NAMING else b""
        if name in _NAMING and values * width:  # PIL takes the last of a name.
            tables[name] = int.from_bytes(value[:width], form.endian)
    return named > max(2 * size, _HARMLESS) or (
        depth > 0
        and any(
            _is_flood(file, form, place, _MOST_NAMED, depth - 1)
            for place in tables.values()
        )
    )


def _at(file: BinaryIO, place: int, length: int) -> bytes:
    """Bytes from elsewhere in a file, which stays where it is."""
    here = file.tell()
    file.seek(place)
    found = file.read(length)
    file.seek(here)
    return found
