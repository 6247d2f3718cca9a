"""Shapes on a picture, placed in units of a person's height."""

import math

from PIL import Image, ImageDraw

from data_builders.synthetic_reid.identity import Colour
from data_builders.synthetic_reid.pose import Point


class Brush:
    """Draws on an RGBA picture in a person's own coordinates.

    Args:
        picture: What to draw on.
        origin: Pixel of the point (0, 0): the body's axis at the top of the head.
        scale: Pixels of one unit, the person's height.
    """

    def __init__(self, picture: Image.Image, origin: Point, scale: float):
        self.picture = picture
        self.origin = origin
        self.scale = scale
        self._draw = ImageDraw.Draw(picture)

    def pixel(self, point: Point) -> Point:
        """Where a point lies on the picture."""
        return (
            self.origin[0] + point[0] * self.scale,
            self.origin[1] + point[1] * self.scale,
        )

    def polygon(self, points: list[Point], colour: Colour) -> None:
        """A filled polygon."""
        self._draw.polygon([self.pixel(p) for p in points], fill=colour)

    def ellipse(
        self, centre: Point, radius_x: float, radius_y: float, colour: Colour
    ) -> None:
        """A filled ellipse."""
        x, y = self.pixel(centre)
        dx, dy = radius_x * self.scale, radius_y * self.scale
        self._draw.ellipse((x - dx, y - dy, x + dx, y + dy), fill=colour)

    def half_ellipse(
        self, centre: Point, radius_x: float, radius_y: float, colour: Colour
    ) -> None:
        """The upper half of an ellipse, filled."""
        x, y = self.pixel(centre)
        dx, dy = radius_x * self.scale, radius_y * self.scale
        self._draw.pieslice((x - dx, y - dy, x + dx, y + dy), 180, 360, fill=colour)

    def box(
        self, centre: Point, half_x: float, half_y: float, colour: Colour, round_=0.3
    ) -> None:
        """A filled box with rounded corners (`round_`: share of the short side)."""
        x, y = self.pixel(centre)
        dx, dy = half_x * self.scale, half_y * self.scale
        self._draw.rounded_rectangle(
            (x - dx, y - dy, x + dx, y + dy), round_ * min(dx, dy), fill=colour
        )

    def line(self, points: list[Point], width: float, colour: Colour) -> None:
        """A polyline."""
        self._draw.line(
            [self.pixel(p) for p in points],
            fill=colour,
            width=max(1, round(width * self.scale)),
        )

    def limb(
        self, start: Point, end: Point, start_r: float, end_r: float, colour: Colour
    ) -> None:
        """A tapered limb with round ends."""
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = math.hypot(dx, dy) or 1.0
        nx, ny = -dy / length, dx / length
        self.polygon(
            [
                (start[0] + nx * start_r, start[1] + ny * start_r),
                (end[0] + nx * end_r, end[1] + ny * end_r),
                (end[0] - nx * end_r, end[1] - ny * end_r),
                (start[0] - nx * start_r, start[1] - ny * start_r),
            ],
            colour,
        )
        self.ellipse(start, start_r, start_r, colour)
        self.ellipse(end, end_r, end_r, colour)

    def texture(self, points: list[Point], tile: Image.Image) -> None:
        """Fills a polygon with a tile stretched over the polygon's bounding box."""
        pixels = [self.pixel(p) for p in points]
        left = math.floor(min(x for x, _ in pixels))
        top = math.floor(min(y for _, y in pixels))
        right = math.ceil(max(x for x, _ in pixels))
        bottom = math.ceil(max(y for _, y in pixels))
        size = (max(1, right - left), max(1, bottom - top))
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in pixels], fill=255)
        self.picture.paste(
            tile.resize(size, Image.Resampling.NEAREST), (left, top), mask
        )


def darker(colour: Colour, share: float) -> Colour:
    """The colour times `share`."""
    return tuple(round(v * share) for v in colour)
