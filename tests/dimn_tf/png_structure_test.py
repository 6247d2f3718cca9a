"""A PNG's parts against the standard: no byte of its pixels too few, each in its place.

`images_test.py` has whole files of all kinds; here PIL does not look a second time.
"""

import struct
import zlib

import numpy as np
import pytest

from dimn_tf import png_structure

# The standard's table: which pass has the pixel at (row, column), modulo 8.
_PASS = np.array(
    [
        [1, 6, 4, 6, 2, 6, 4, 6],
        [7, 7, 7, 7, 7, 7, 7, 7],
        [5, 6, 5, 6, 5, 6, 5, 6],
        [7, 7, 7, 7, 7, 7, 7, 7],
        [3, 6, 4, 6, 3, 6, 4, 6],
        [7, 7, 7, 7, 7, 7, 7, 7],
        [5, 6, 5, 6, 5, 6, 5, 6],
        [7, 7, 7, 7, 7, 7, 7, 7],
    ]
)


def _png(*parts):
    def whole(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    return png_structure.SIGNATURE + b"".join(whole(*part) for part in parts)


def _header(width, height, depth=8, colour=2, interlace=0):
    fields = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"IHDR", fields


def _bytes_of_rows(width, height, bits, interlace):
    """By looking at each pixel: rows of a byte for the filter and whole bytes."""
    if not interlace:
        return height * (1 + -(-width * bits // 8))
    passes = np.tile(_PASS, (4, 4))[:height, :width]
    counts = [(passes == number).sum(axis=1) for number in range(1, 8)]
    return sum(1 + -(-int(n) * bits // 8) for rows in counts for n in rows if n)


_BODY = b"IDAT", zlib.compress(bytes(4))
_END, _PALETTE = (b"IEND", b""), (b"PLTE", bytes(6))


@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize(
    ("depth", "colour", "bits"), [(1, 0, 1), (8, 2, 24), (8, 3, 8), (16, 4, 32)]
)
def test_every_byte_of_the_pixels_is_asked_for(interlace, depth, colour, bits):
    for width in range(1, 11):
        for height in range(1, 11):
            header = _header(width, height, depth, colour, interlace)
            size = _bytes_of_rows(width, height, bits, interlace)

            def fault(content, header=header):
                body = b"IDAT", zlib.compress(content, 1)
                parts = header, _PALETTE, body, _END
                return png_structure.fault_of(_png(*parts))

            assert fault(bytes(size)) == "", (width, height)
            lacking = f"cut off: {size - 1:,} of {size:,} bytes of its pixels are there"
            assert fault(bytes(size - 1)) == lacking, (width, height)


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ([_header(1, 1), _BODY, _END], ""),
        ([_header(1, 1), _PALETTE, _BODY, _END], ""),
        ([_header(1, 1), _PALETTE, _PALETTE, _BODY, _END], "comes twice, or after"),
        ([_header(1, 1), _BODY, _PALETTE, _END], "comes twice, or after the pixels"),
        ([_header(1, 1), _END], "it holds no pixels"),
        ([_BODY, _header(1, 1), _END], "does not begin with one header"),
        ([_header(1, 1), _BODY, (b"tEXt", b"a\0b"), _BODY, _END], "not in one place"),
        ([_header(1, 1), (b"abCd", b""), _BODY, _END], ""),
        ([_header(1, 1), (b"AbCd", b""), _BODY, _END], "its part AbCd is no part of"),
        ([_header(1, 1, interlace=2), _BODY, _END], "header (IHDR) makes no sense"),
        ([_header(1, 1, depth=4), _BODY, _END], "header (IHDR) makes no sense"),
        ([_header(1, 1, colour=5), _BODY, _END], "header (IHDR) makes no sense"),
    ],
)
def test_parts_are_in_their_places(parts, fault):
    for found in (
        png_structure.fault_of(_png(*parts)),
        png_structure.outer_fault_of(_png(*parts)),
    ):
        assert fault in found and bool(found) == bool(fault)


def test_a_cut_or_damage_is_told_by_the_part_that_it_is_in():
    whole = _png(_header(1, 1), _BODY, _END)
    assert png_structure.fault_of(whole + b"after its end") == ""
    assert png_structure.fault_of(whole[:-12]) == "cut off: its end (IEND) is missing"
    assert png_structure.fault_of(whole[:-1]) == "cut off within its part IEND"
    assert png_structure.fault_of(whole[:-13]) == "cut off within its part IDAT"
    assert png_structure.fault_of(whole[1:]) == "no PNG signature"
    damaged = bytearray(whole)
    damaged[20] ^= 1
    found = png_structure.fault_of(bytes(damaged))
    assert found == "damaged: the checksum of its part IHDR is wrong"
