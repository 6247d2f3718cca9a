"""Whether a PNG file is whole: what libpng (TensorFlow) refuses and PIL passes over."""

import dataclasses
import struct
import zlib

from dimn_tf import image_parts

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_END = b"IEND"
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", _END)
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type -> samples of a pixel
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PALETTE = 3
# Passes of interlaced images: first column, first row, step of columns, of rows.
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_PIECE = 1 << 20
_SPARE = 1 << 16  # bytes after the pixels that are let through


@dataclasses.dataclass(frozen=True)
class _Chunk:
    kind: bytes
    data: memoryview


def fault_of(encoded: bytes) -> str:
    """What is wrong with a PNG file; empty where nothing is.

    The caller bounds the pixels that the header claims: as many bytes are inflated.

    Args:
        encoded: the whole file; what follows its end is passed over.

    Returns:
        One line, such as "cut off: its end (IEND) is missing".
    """
    chunks, fault = _read(encoded)
    return fault or _order(chunks) or _pixels(chunks)


def outer_fault_of(encoded: bytes) -> str:
    """As `fault_of`, but the pixels are not inflated."""
    chunks, fault = _read(encoded)
    return fault or _order(chunks)


def _read(encoded: bytes) -> tuple[list[_Chunk], str]:
    view, place, chunks = memoryview(encoded), len(SIGNATURE), []
    parts = 0
    if encoded[:place] != SIGNATURE:
        return [], "no PNG signature"
    while not chunks or chunks[-1].kind != _END:
        if place + 8 > len(view):
            return chunks, "cut off: its end (IEND) is missing"
        length, kind = struct.unpack_from(">I4s", view, place)
        name = kind.decode("ascii", "backslashreplace")
        stop = place + 8 + length
        if stop + 4 > len(view):
            return chunks, f"cut off within its part {name}"
        if (
            zlib.crc32(view[place + 4 : stop])
            != struct.unpack_from(">I", view, stop)[0]
        ):
            return chunks, f"damaged: the checksum of its part {name} is wrong"
        parts += image_parts.weight_of(kind, length)
        if parts > image_parts.MOST_PARTS:
            return chunks, image_parts.MANY
        chunks.append(_Chunk(kind, view[place + 8 : stop]))
        place = stop + 4
    return chunks, ""


def _order(chunks: list[_Chunk]) -> str:
    kinds = [chunk.kind for chunk in chunks]
    header = chunks[0].data if kinds[0] == b"IHDR" else b""
    if len(header) != 13 or kinds.count(b"IHDR") != 1:
        return "damaged: it does not begin with one header (IHDR)"
    depth, colour, compression, filtering, interlace = header[8:]
    if (
        depth not in _DEPTHS.get(colour, ())
        or (compression, filtering) != (0, 0)
        or interlace > 1
    ):
        return "damaged: its header (IHDR) makes no sense"
    for kind in kinds:
        if not kind[0] & 0x20 and kind not in _CRITICAL:
            name = kind.decode("ascii", "backslashreplace")
            return f"its part {name} is no part of a standard PNG"
    if b"IDAT" not in kinds:
        return "damaged: it holds no pixels (IDAT)"
    first = kinds.index(b"IDAT")
    run = kinds[first : first + kinds.count(b"IDAT")]
    if set(run) != {b"IDAT"}:
        return "damaged: its pixels (IDAT) are not in one place"
    if kinds.count(b"PLTE") > 1 or b"PLTE" in kinds[first:]:
        return "damaged: its palette (PLTE) comes twice, or after the pixels"
    if header[9] == _PALETTE and b"PLTE" not in kinds:
        return "damaged: its palette (PLTE) is missing"
    return ""


def _pixels(chunks: list[_Chunk]) -> str:
    """Inflates the pixels once, to their end and checksum, and keeps none of them."""
    expected = _bytes_of_pixels(chunks[0].data)
    inflater, found = zlib.decompressobj(), 0
    try:
        for chunk in chunks:
            data = chunk.data if chunk.kind == b"IDAT" else b""
            while (data or inflater.unconsumed_tail) and not inflater.eof:
                found += len(inflater.decompress(data, _PIECE))
                if found > expected + _SPARE:
                    return f"damaged: more than the {expected:,} bytes of its pixels"
                data = inflater.unconsumed_tail
                if not data:
                    break
    except zlib.error as error:
        return f"damaged: its pixels cannot be inflated ({error})"
    if found < expected or not inflater.eof:
        return f"cut off: {found:,} of {expected:,} bytes of its pixels are there"
    return ""


def _bytes_of_pixels(header: memoryview) -> int:
    """Bytes of all rows, inflated; each has a byte for its filter."""
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", header)
    bits = depth * _SAMPLES[colour]
    if not interlace:
        return height * (1 + (width * bits + 7) // 8)
    total = 0
    for left, top, across, down in _ADAM7:
        columns = -(-max(width - left, 0) // across)
        rows = -(-max(height - top, 0) // down)
        if columns:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total
