"""Tables that a TIFF's tags name are read by PIL, too: floods in them are refused."""

import io
import struct
import tracemalloc

import PIL.Image
import pytest

from dimn_tf import images, tag_tables

EXIF, GPS, INTEROP = 34_665, 34_853, 40_965
"""Tags whose value is the place of a table."""
SHORT, LONG, ANY = 3, 4, 7
MEGABYTE = 1 << 20


def _table(tags, order="<"):
    """A table of (name, type, number of values, value)."""
    parts = [struct.pack(order + "H", len(tags))]
    for name, kind, values, value in sorted(tags):
        left = order == ">" and kind == SHORT  # Values stand at the left.
        parts.append(
            struct.pack(order + "HHII", name, kind, values, value << 16 * left)
        )
    return b"".join([*parts, bytes(4)])


def _named(count, order="<"):
    """A table of tags that all name one megabyte."""
    return _table([(41_000 + n, ANY, MEGABYTE, 8) for n in range(count)], order)


def _tiff(name, *tables, values=1, order="<"):
    """A whole TIFF of 8 x 8 pixels; a tag of it names the first of the tables.

    Args:
        name: Of the tag.
        tables: Each is made of its place, and lies behind the one before.
        values: Of the tag; several do not fit into it, so that it has their place.
        order: "<" or ">", of all numbers.
    """
    tags = [(256, SHORT, 1, 8), (257, SHORT, 1, 8), (258, SHORT, 1, 8)]
    tags += [(259, SHORT, 1, 1), (262, SHORT, 1, 1), (277, SHORT, 1, 1)]
    tags += [(278, SHORT, 1, 8), (279, LONG, 1, 64)]
    pixels = 8 + 2 + 12 * (len(tags) + 2) + 4
    behind = bytes(64)
    place = at = pixels + len(behind)
    if values > 1:
        at = place + 4 * values
        behind += struct.pack(f"{order}{values}I", *[at] * values)
    tags += [(273, LONG, 1, pixels), (name, LONG, values, place)]
    for table in tables:
        made = table(at)
        behind, at = behind + made, at + len(made)
    begin = b"II" if order == "<" else b"MM"
    head = begin + struct.pack(order + "HI", 42, 8)
    return head + _table(tags, order) + behind + bytes(MEGABYTE)


def _naming(name, order="<"):
    """A table of one tag, of the table that lies right behind it."""
    size = len(_table([(0, 0, 0, 0)]))
    return lambda place: _table([(name, LONG, 1, place + size)], order)


@pytest.mark.parametrize("name", [EXIF, GPS])
@pytest.mark.parametrize("values", [1, 2])
@pytest.mark.parametrize("order", "<>")
def test_a_flood_in_a_named_table_is_refused(name, values, order):
    def made(count):
        def table(place):
            return _named(count, order)

        return _tiff(name, table, values=values, order=order)

    tracemalloc.start()
    try:
        with pytest.raises(images.ImageFault, match="as no camera makes"):
            images.decoded(made(300))
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert images.decoded(made(2)).shape == (8, 8, 3)


def test_a_flood_in_a_table_of_a_table_is_refused():
    def made(count):
        return _tiff(EXIF, _naming(INTEROP), lambda place: _named(count))

    assert tag_tables.fault_of(io.BytesIO(made(300)), 2)
    assert not tag_tables.fault_of(io.BytesIO(made(300)), 1)
    assert not tag_tables.fault_of(io.BytesIO(made(2)), 2)
    with pytest.raises(images.ImageFault, match="as no camera makes"):
        images.decoded(made(300))


def test_tables_that_name_themselves_end():
    encoded = _tiff(EXIF, lambda place: _table([(EXIF, LONG, 1, place)]))
    assert not tag_tables.fault_of(io.BytesIO(encoded), 2)
    assert images.decoded(encoded).shape == (8, 8, 3)


@pytest.mark.parametrize("place", [0, 9, 1 << 31, (1 << 32) - 1])
def test_a_place_without_a_table_is_no_flood(place):
    encoded = _tiff(EXIF, lambda at: _table([(INTEROP, LONG, 1, place)]))
    assert not tag_tables.fault_of(io.BytesIO(encoded), 2)


def test_what_pil_writes_is_no_flood():
    exif = PIL.Image.Exif()
    exif.get_ifd(EXIF)[37_510] = b"ASCII\0\0\0" + b"said " * 9_999
    exif.get_ifd(GPS)[29] = "2024:01:01"
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (8, 8)).save(buffer, "TIFF", exif=exif)
    assert not tag_tables.fault_of(buffer, 2)
    assert images.decoded(buffer.getvalue()).shape == (8, 8, 3)
