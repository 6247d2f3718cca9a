"""Rows of small pictures with frames and lines of text: what people look at first."""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Sequence

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from dimn_tf import files

SIZE = (64, 128)
"""Width and height of an image in a picture, pixels."""
INK, PAPER, RIGHT, WRONG, PLAIN = "#222222", "#FFFFFF", "#1A9850", "#D73027", "#9A9A9A"
WIDE, THIN = 5, 2
"""Frames: what is a match has the wide one."""
_GAP, _LINE, _MARGIN, _HEAD = 10, 15, 14, 30
_EMPTY = "#EEEEEE"


@dataclasses.dataclass(frozen=True)
class Tile:
    """A small picture.

    Attributes:
        image: An image file's bytes, a picture of any size, or None: a grey field.
        frame: Colour of its frame; None has none.
        wide: Whether the frame is wide.
        beneath: Lines below it.
        colour: Of the lines.
        inside: Text on the grey field.
    """

    image: bytes | PIL.Image.Image | None
    frame: str | None = INK
    wide: bool = False
    beneath: Sequence[str] = ()
    colour: str = INK
    inside: str = ""


def opened(encoded: bytes, size: tuple[int, int] = SIZE) -> PIL.Image.Image:
    """An image file as a picture of the size of a tile."""
    return PIL.Image.open(io.BytesIO(encoded)).convert("RGB").resize(size)


def paint(
    rows: Sequence[Sequence[Tile]],
    heads: Sequence[str],
    path: str | os.PathLike,
    title: Sequence[str],
    scale: int = 1,
) -> None:
    """Paints rows of tiles; the first column stands apart.

    Args:
        rows: Each as long as `heads` or shorter, and not empty.
        heads: What stands above the columns.
        path: Of the PNG.
        title: Its first line is larger than the others.
        scale: Times `SIZE`.
    """
    title = [" ".join(line.split()) for line in title]  # File names may hold breaks.
    tile_width, tile_height = SIZE[0] * scale, SIZE[1] * scale
    step_x = tile_width + 2 * WIDE + _GAP
    heights = [
        tile_height + 2 * WIDE + _GAP + _LINE * max(len(tile.beneath) for tile in row)
        for row in rows
    ]
    top_of_rows = _MARGIN + 22 + _LINE * (len(title) - 1) + _HEAD
    width = 2 * _MARGIN + step_x * len(heads) + _GAP
    fonts = PIL.ImageFont.load_default(16), PIL.ImageFont.load_default(12)
    pen = PIL.ImageDraw.Draw(PIL.Image.new("RGB", (1, 1)))
    longest = max(
        pen.textlength(line, fonts[min(i, 1)]) for i, line in enumerate(title)
    )
    width = max(width, int(longest) + 2 * _MARGIN)
    canvas = PIL.Image.new("RGB", (width, top_of_rows + sum(heights) + _MARGIN), PAPER)
    pen = PIL.ImageDraw.Draw(canvas)
    for i, line in enumerate(title):
        top = _MARGIN + (22 + _LINE * (i - 1) if i else 0)
        pen.text((_MARGIN, top), line, INK, fonts[min(i, 1)])
    for column, head in enumerate(heads):
        place = _middle(column, step_x, tile_width), top_of_rows - 10
        pen.text(place, head, INK, fonts[1], anchor="ms")
    for i, row in enumerate(rows):
        top = top_of_rows + sum(heights[:i])
        for column, tile in enumerate(row):
            middle = _middle(column, step_x, tile_width)
            _place(canvas, pen, fonts[1], tile, middle, top, (tile_width, tile_height))
    with files.replacing(path) as partial:
        canvas.save(partial, "PNG")


def _middle(column: int, step: int, tile_width: int) -> int:
    left = _MARGIN + column * step + (_GAP if column else 0)
    return left + WIDE + tile_width // 2


def _place(canvas, pen, font, tile: Tile, middle: int, top: int, size) -> None:
    left = middle - size[0] // 2
    box = (left, top, left + size[0] - 1, top + size[1] - 1)
    if tile.frame:
        wide = WIDE if tile.wide else THIN
        grow = (-wide, -wide, wide, wide)
        pen.rectangle([b + g for b, g in zip(box, grow, strict=True)], tile.frame)
    if tile.image is None:
        pen.rectangle(box, _EMPTY if tile.frame else PAPER)
        centre = (middle, top + size[1] // 2)
        pen.multiline_text(
            centre, tile.inside, INK, font, anchor="mm", align="center", spacing=4
        )
    else:
        image = tile.image
        if isinstance(image, bytes):
            image = opened(image, size)
        canvas.paste(image.resize(size), (left, top))
    for i, line in enumerate(tile.beneath):
        place = (middle, top + size[1] + WIDE + 13 + _LINE * i)
        pen.text(place, " ".join(line.split()), tile.colour, font, anchor="ms")
