"""Floods of parts are refused before they cost time or memory; what is usual is not."""

import io
import struct
import time
import tracemalloc
import zlib

import PIL.ExifTags
import PIL.Image
import PIL.TiffImagePlugin
import pytest

from dimn_tf import image_parts, images

MANY = 1 << 19
"""Parts: 6 MB of empty chunks, which took PIL and the checks behind it five seconds."""


def _encoded(form, mode="RGB", **more):
    buffer = io.BytesIO()
    PIL.Image.new(mode, (8, 8), 3).save(buffer, form, **more)
    return buffer.getvalue()


PNG, JPEG, GIF = _encoded("PNG"), _encoded("JPEG"), _encoded("GIF", "P")
_COLOURS = GIF.index(b",")  # Behind the palette.


def _chunk(kind, content=b""):
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def _into(encoded, place, content):
    place %= len(encoded)
    return encoded[:place] + content + encoded[place:]


def _table(count, size, order="<", big=False):
    """A table of tags that all name the same bytes."""
    begin = "II" if order == "<" else "MM"
    number, head = ("Q", "HHHQ") if big else ("I", "HI")
    first = (43, 8, 0, 16) if big else (42, 8)
    parts = [begin.encode(), struct.pack(order + head, *first)]
    parts.append(struct.pack(order + ("Q" if big else "H"), count))
    for tag in range(count):
        parts.append(struct.pack(order + "HH" + 2 * number, 40_000 + tag, 7, size, 8))
    table = b"".join(parts) + bytes(8)
    return table + bytes(max(0, size + 20 - len(table)))


def _exif(block):
    """JPEG's parts of an EXIF."""
    found = b""
    for start in range(0, len(block), 60_000):
        part = b"Exif\0\0" + block[start : start + 60_000]
        found += b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part
    return found


_HEAD = JPEG[:20]
"""A JPEG's first part (JFIF)."""
_COMMENTS = b"\xff\xfe\0\2" * MANY
_FRAME = b"\xff\xc0\xff\xfe\x08\0\x08\0\x08\3" + bytes(65_526)
# Blocks of a GIF of which one is empty, and behind it what looks like pixels.
_SHAM = b"\0," + bytes(44) + b"\1a" * MANY + b"\0"
_PROFILE = _chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(900_000)))
"""A kilobyte that PIL inflates, whatever it has already."""

FLOODS = {
    "PNG, before the pixels": _into(PNG, 33, _chunk(b"abCd") * MANY),
    "PNG, text": _into(PNG, 33, _chunk(b"tEXt", b"a\0b") * MANY),
    "PNG, behind the pixels": _into(PNG, -12, _chunk(b"abCd") * MANY),
    "PNG, profiles": _into(PNG, 33, _PROFILE * 999),
    "PNG, profiles behind the pixels": _into(PNG, -12, _PROFILE * 999),
    "PNG, empty pixels": _into(PNG, PNG.index(b"IDAT") - 4, _chunk(b"IDAT") * MANY),
    "GIF, comments": _into(GIF, _COLOURS, b"\x21\xfe\1a\0" * MANY),
    "GIF, one comment": _into(GIF, _COLOURS, b"\x21\xfe" + b"\1a" * MANY + b"\0"),
    "GIF, application": _into(GIF, _COLOURS, b"\x21\xff" + b"\1a" * MANY + b"\0"),
    "GIF, nothing": _into(GIF, _COLOURS, b"x" * MANY),
    "JPEG, comments": _into(JPEG, 2, b"\xff\xfe\0\2" * MANY),
    "JPEG, fill bytes": _into(JPEG, 2, b"\xff" * MANY),
    "JPEG, plain FF": _into(JPEG, 2, b"\xff\0" * MANY),
    "JPEG, marks alone": _into(JPEG, 2, b"\xff\xc8" * MANY),
    "JPEG, behind the pixels": _into(JPEG, -2, b"\xff\xfe\0\2" * MANY),
    "JPEG, EXIF": _into(JPEG, 2, _exif(_table(300, 1 << 20))),
    "JPEG, pictures' table": _into(
        JPEG, 2, b"\xff\xe2\xfd\xea" + (b"MPF\0" + _table(900, 60_000))[:65_000]
    ),
    "JPEG, junk": _into(JPEG, 20, bytes(1 << 22)),
    "JPEG, junk alone": _HEAD + bytes(1 << 22),
    "JPEG, comments behind junk": _into(JPEG, 20, b"\0" + _COMMENTS),
    "JPEG, EXIF behind junk": _into(JPEG, 20, b"\0" + _exif(_table(900, 59_000))),
    "JPEG, junk alone, EXIF": _HEAD + b"\0" + _exif(_table(900, 59_000)),
    "JPEG, behind sham of a length": _into(
        JPEG, 20, b"\xff\xcc\0\4\xff\xe0" + _COMMENTS
    ),
    "JPEG, layers of a frame": _into(JPEG, 20, _FRAME * 64),
    "GIF, behind an empty block": _into(GIF, _COLOURS, b"\x21\xf9" + _SHAM),
    "GIF, behind an empty loop": _into(
        GIF, _COLOURS, b"\x21\xff\x0bNETSCAPE2.0" + _SHAM
    ),
    "TIFF": _table(300, 1 << 20),
    "TIFF, the other order": _table(300, 1 << 20, ">"),
    "TIFF, large": _table(300, 1 << 20, "<", True),
    "TIFF, large in the other order": _table(300, 1 << 20, ">", True),
    "TIFF, tags": _table(20_000, 4),
    "TIFF, cut off": _table(300, 1 << 20)[:9] + b"\xff" + _table(300, 1 << 20)[10:],
}


@pytest.mark.parametrize("name", FLOODS)
def test_floods_are_refused_at_once(name):
    tracemalloc.start()
    begun = time.process_time()
    try:
        with pytest.raises(images.ImageFault, match="as no camera makes"):
            images.checked(FLOODS[name])
        took, (_, most) = time.process_time() - begun, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert took < 1 and most < 16 << 20


def test_exif_that_is_a_flood_is_passed_over_where_it_is_read_late():
    """As other damaged EXIF is: the picture stays as it is stored."""
    encoded = _into(PNG, 33, _chunk(b"eXIf", _table(300, 1 << 20)))
    tracemalloc.start()
    try:
        assert images.checked(encoded) == encoded
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def _tags():
    made = PIL.TiffImagePlugin.ImageFileDirectory_v2()
    for tag in range(100):
        made[40_000 + tag] = "text " * 99
    return made


def _with_exif():
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.ImageDescription] = "text " * 999
    exif[PIL.ExifTags.Base.Orientation] = 1
    return exif


@pytest.mark.parametrize(
    "encoded",
    [
        *(_encoded(f, exif=_with_exif()) for f in ("PNG", "JPEG", "TIFF", "WEBP")),
        _encoded("TIFF", tiffinfo=_tags()),
        _encoded("TIFF", big_tiff=True),
        _encoded("GIF", "P", comment=b"said " * 9_999),
        _encoded("JPEG", comment=b"said " * 9_999, progressive=True),
        _encoded("MPO", save_all=True, append_images=[PIL.Image.new("RGB", (8, 8))]),
        # What a camera fills up with, and what TensorFlow warns of and passes over.
        _into(JPEG, 20, bytes(1 << 15)),
        _into(JPEG, 20, b"\0junk\xff\0" + b"\xff" * 99),
        _into(GIF, _COLOURS, b"\x21\xf9\0\0\x21\xff\x0bNETSCAPE2.0\0\0"),
        _into(PNG, 33, _chunk(b"abCd") * 3_900),
        _into(PNG, 33, _PROFILE),
        # The pixels of a large file in pieces of 8 kB, as libpng writes them.
        _into(PNG, 33, _chunk(b"abCd", bytes(1 << 13)) * 4_100),
        _encoded("BMP"),
    ],
    ids=range(16),
)
def test_what_is_written_is_read(encoded):
    file = io.BytesIO(encoded)
    assert image_parts.fault_of(file) == "" and file.tell() == 0
    assert images.decoded(encoded).shape == (8, 8, 3)


@pytest.mark.parametrize("encoded", [PNG, JPEG, GIF, _encoded("TIFF"), _table(9, 99)])
def test_what_is_cut_off_is_none_of_its_matters(encoded):
    for length in range(len(encoded)):
        assert image_parts.fault_of(io.BytesIO(encoded[:length])) == ""
