"""What a request uploads -> image files as a model takes them, within the limits."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Sequence

import numpy as np

from dimn_tf import images
from dimn_tf.service import problems

_SMALLEST_SIDE = 4  # Pixels; ours: less shows nobody.
_SMALL_BYTES, _SMALL_PIXELS = 64 << 10, 1 << 16
# Of a JPEG file that is small; each costs few bytes and a pass over all its pixels.
_SMALL_SCANS, _SCAN = 16, b"\xff\xda"


_LONGEST_BOX = 80  # Letters.
_FRAMES = 4
"""Images of the largest size that all boxes of a request may add up to; ours."""


@dataclasses.dataclass(frozen=True)
class Box:
    """A part of a frame, in pixels of the upright image.

    Attributes:
        left: Of its first column.
        top: Of its first row.
        width: Columns.
        height: Rows.
    """

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Box:
        """A box of `left,top,width,height`.

        Raises:
            problems.Problem: it is none.
        """
        shown = text[:_LONGEST_BOX]
        try:
            if len(text) > _LONGEST_BOX:
                raise ValueError("too long")
            left, top, width, height = (int(part) for part in text.split(","))
        except ValueError as error:
            raise problems.Problem(
                422,
                "box",
                f"box {shown!r}: expected left,top,width,height in whole pixels",
            ) from error
        if min(left, top) < 0 or min(width, height) < _SMALLEST_SIDE:
            raise problems.Problem(
                422,
                "box",
                f"box {shown!r}: expected left and top of at least 0, width and "
                f"height of at least {_SMALLEST_SIDE} pixels",
            )
        return cls(left, top, width, height)

    def text(self) -> str:
        """As `parse` takes it."""
        return f"{self.left},{self.top},{self.width},{self.height}"


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image, or a part of one, that can be encoded.

    Attributes:
        file: As signatures take it.
        digest: SHA-256 of what was uploaded, and of the box: what it is known by.
        box: Of the frame; None: all of it.
    """

    file: bytes
    digest: str
    box: Box | None

    def without_file(self) -> Picture:
        """What is told of it, once it is encoded: nobody holds its bytes then."""
        return dataclasses.replace(self, file=b"")


def is_small(content: bytes) -> bool:
    """Whether an image is decoded in less time than another thread needs to begin."""
    if len(content) > _SMALL_BYTES or content.count(_SCAN) > _SMALL_SCANS:
        return False
    try:
        width, height = images.size_of(io.BytesIO(content))
    except images.ImageFault:
        return True  # Nothing is decoded of it.
    return width * height <= _SMALL_PIXELS


def bytes_of(content: bytes, boxes: Sequence[Box], largest_pixels: int) -> int:
    """Bytes of what `pictures` makes, about, before anything is decoded.

    A box is kept as a PNG file, which has all bytes of its pixels at worst.
    """
    if not boxes:
        return len(content)
    pixels = sum(box.width * box.height for box in boxes)
    return 3 * min(pixels, _FRAMES * largest_pixels)


def pictures(
    content: bytes, boxes: list[Box], largest_pixels: int, name: str = "image"
) -> list[Picture]:
    """The picture, or the parts of it, that a request uploads.

    Args:
        content: Bytes of the image file.
        boxes: Parts of it; empty: all of it.
        largest_pixels: That it may have.
        name: Of the form's field, for errors.

    Raises:
        problems.Problem: it is no image, too large, or a box lies outside.
    """
    if not content:
        raise problems.Problem(422, "image", f"{name}: an empty file")
    try:
        width, height = images.size_of(io.BytesIO(content), name=name)
        if width * height > largest_pixels:
            raise problems.Problem(
                413,
                "too_large",
                f"{name}: {width:,} x {height:,} pixels, more than {largest_pixels:,}",
            )
        asked = sum(box.width * box.height for box in boxes)
        if asked > _FRAMES * largest_pixels:
            raise problems.Problem(
                413,
                "too_large",
                f"{name}: boxes of {asked:,} pixels together, more than "
                f"{_FRAMES * largest_pixels:,}",
            )
        if not boxes:
            file = images.checked(content, name=name, compression=images.READ_AT_ONCE)
            return [Picture(file, _digest(content, None), None)]
        pixels = images.decoded(content, name=name)
    except images.ImageFault as fault:
        status = 413 if fault.kind == "too_large" else 422
        raise problems.Problem(status, "image", f"{name}: {fault.reason}") from fault
    return [
        Picture(_cut(pixels, box, name), _digest(content, box), box) for box in boxes
    ]


def _cut(pixels: np.ndarray, box: Box, name: str) -> bytes:
    height, width = pixels.shape[:2]
    if box.left + box.width > width or box.top + box.height > height:
        raise problems.Problem(
            422,
            "box",
            f"box {box.text()}: outside {name}, which has {width} x {height} pixels",
        )
    rows = slice(box.top, box.top + box.height)
    part = pixels[rows, box.left : box.left + box.width]
    return images.encode_png(np.ascontiguousarray(part), images.READ_AT_ONCE)


def _digest(content: bytes, box: Box | None) -> str:
    digest = hashlib.sha256(content)
    if box is not None:
        digest.update(f"box {box.text()}".encode())
    return digest.hexdigest()
