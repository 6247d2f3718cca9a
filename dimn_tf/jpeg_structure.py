"""Whether a JPEG file is whole, from its beginning to its end mark."""

import re

from dimn_tf import image_parts

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
MOST_SCANS = 100
"""Passes over the pixels, each of which may cost as much as a whole picture: encoders
make ten or so, and a file of thousands holds a decoder for hours; ours."""
_ALONE = {0x01, _START}  # marks without content
MARK = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
"""A mark, by the last of the FF that may fill up before it: a pattern that takes all of
them in looks at a run of them once for each. In the pixels of a scan, FF 00 is a plain
FF, and FF D0 to FF D7 restart it."""


def fault_of(encoded: bytes) -> str:
    """What is wrong with the parts of a JPEG file; empty where nothing is.

    Pixels carry no checksum, so that damage among them shows in the picture at most.

    Args:
        encoded: the whole file; what follows its end is passed over.

    Returns:
        One line, such as "cut off: its end (EOI) is missing".
    """
    place, scans, parts = 0, 0, 0
    while mark := MARK.search(encoded, place):
        kind, place = mark[1][0], mark.end()
        parts += 1
        if parts > image_parts.MOST_PARTS:
            return image_parts.MANY
        if kind == _END:
            return "" if scans else "damaged: it holds no pixels (SOS)"
        if kind in _ALONE:
            continue
        length = int.from_bytes(encoded[place : place + 2])
        if length < 2 or place + length > len(encoded):
            return f"cut off or damaged within its part FF{kind:02X}"
        scans += kind == _SCAN
        if scans > MOST_SCANS:
            return f"it has more than {MOST_SCANS} scans (SOS), as no camera makes"
        place += length
    return "cut off: its end (EOI) is missing"
