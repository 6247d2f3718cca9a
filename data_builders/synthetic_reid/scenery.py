"""What lies behind the pedestrians: one wide view for each camera."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from data_builders.synthetic_reid import figure, identity
from data_builders.synthetic_reid import pose as pose_lib

WIDTH, HEIGHT = 768, 256
"""Pixels of a view; a pedestrian close by is about 220 high."""


class View:
    """A view being painted.

    Args:
        rng: Decides every detail.
        ground: Share of the height at which the ground begins, 0..1.
    """

    def __init__(self, rng: np.random.Generator, ground: float):
        self.rng = rng
        self.picture = Image.new("RGB", (WIDTH, HEIGHT))
        self.draw = ImageDraw.Draw(self.picture)
        self.ground = round(HEIGHT * ground)

    def colour(self, base, spread=12):
        """A colour near `base`."""
        shift = self.rng.integers(-spread, spread + 1)
        tint = self.rng.integers(-spread // 2, spread // 2 + 1, size=3)
        return tuple(int(v) for v in np.clip(np.add(base, tint) + shift, 0, 255))

    def clothing_colour(self):
        """A colour that people wear too, so that backgrounds give nobody away."""
        names = tuple(identity.PALETTE)
        return self.colour(identity.PALETTE[names[self.rng.integers(len(names))]])

    def fill(self, wall, ground):
        """Wall above, ground below."""
        self.draw.rectangle((0, 0, WIDTH, self.ground), fill=wall)
        self.draw.rectangle((0, self.ground, WIDTH, HEIGHT), fill=ground)

    def spans(self, low, high):
        """Pairs (left, right) that cover the width, each `low`..`high` wide."""
        left = -int(self.rng.integers(0, low))
        while left < WIDTH:
            right = left + int(self.rng.integers(low, high))
            yield left, right
            left = right

    def box(self, left, top, right, bottom, colour):
        """A filled box."""
        if right > left and bottom > top:
            self.draw.rectangle((left, top, right, bottom), fill=colour)

    def paving(self, colour, rows=5, columns=16):
        """Joints between slabs, closer together further away."""
        depth = HEIGHT - self.ground
        for row in range(1, rows + 1):
            y = self.ground + round(depth * (row / rows) ** 1.7)
            self.draw.line((0, y, WIDTH, y), fill=colour, width=2)
        for column in range(-columns, 2 * columns):
            x = WIDTH * column / columns
            far = WIDTH / 2 + (x - WIDTH / 2) * 0.6
            self.draw.line((far, self.ground, x, HEIGHT), fill=colour, width=2)

    def crowd(self, count, sizes):
        """Other people, far off: `sizes` is the range of their heights in pixels."""
        layer = Image.new("RGBA", self.picture.size)
        for _ in range(count):
            height = float(self.rng.uniform(*sizes))
            x = float(self.rng.uniform(0, WIDTH))
            near = (height - sizes[0] * 0.6) / (sizes[1] * 1.3)
            feet = (x, self.ground + 6 + near * (HEIGHT - self.ground))
            person = identity.draw_identity(self.rng)
            yaw = float(self.rng.uniform(-3.1, 3.1))
            pose = pose_lib.draw_pose(self.rng, yaw, 0.1, 0.2)
            figure.draw_figure(layer, person, pose, feet, height)
        self.picture.paste(layer, (0, 0), layer)


def _plaza(view: View) -> None:
    view.fill(view.colour((188, 204, 222)), view.colour((186, 180, 168)))
    for left, right in view.spans(110, 220):
        top = int(view.rng.integers(0, 40))
        view.box(left, top, right, view.ground, view.colour((184, 172, 152), 30))
        glass = view.colour((92, 104, 118), 20)
        for x in range(left + 12, right - 20, 34):
            for y in range(top + 12, view.ground - 30, 40):
                view.box(x, y, x + 18, y + 26, glass)
        awning = view.clothing_colour()
        view.box(left + 8, view.ground - 34, right - 8, view.ground - 22, awning)
    view.paving(view.colour((158, 152, 142)))
    view.crowd(16, (50, 110))


def _station(view: View) -> None:
    view.fill(view.colour((150, 158, 156)), view.colour((104, 106, 108)))
    joint = view.colour((126, 134, 134))
    for x in range(0, WIDTH, 26):
        view.draw.line((x, 0, x, view.ground), fill=joint, width=2)
    for y in range(0, view.ground, 22):
        view.draw.line((0, y, WIDTH, y), fill=joint, width=2)
    stripe = view.clothing_colour()
    view.box(0, view.ground - 66, WIDTH, view.ground - 48, stripe)
    for left, right in view.spans(90, 170):
        kind = view.rng.integers(3)
        if kind == 0:
            view.box(left + 20, 30, right - 30, 120, view.clothing_colour())
            view.box(left + 28, 38, right - 38, 74, view.colour((220, 220, 214)))
        elif kind == 1:
            view.box(left, 0, left + 34, view.ground + 12, view.colour((84, 88, 94)))
            view.box(
                left + 24, 0, left + 34, view.ground + 12, view.colour((60, 62, 66))
            )
    yellow = view.colour((206, 176, 60))
    view.box(0, view.ground + 26, WIDTH, view.ground + 36, yellow)
    view.crowd(12, (60, 120))


def _mall(view: View) -> None:
    view.fill(view.colour((226, 212, 190)), view.colour((206, 192, 170)))
    for left, right in view.spans(90, 170):
        glow = view.colour((238, 226, 200))
        view.box(left + 8, 34, right - 8, view.ground, glow)
        view.box(left + 4, 12, right - 4, 34, view.clothing_colour())
        for x in range(left + 16, right - 24, 26):
            goods = view.clothing_colour()
            top = int(view.rng.integers(56, 110))
            view.box(x, top, x + 18, view.ground - 8, goods)
            view.box(x + 4, top - 12, x + 14, top, view.colour((226, 200, 176)))
    # A polished floor mirrors what stands on it.
    depth = HEIGHT - view.ground
    mirror = view.picture.crop((0, view.ground - depth, WIDTH, view.ground))
    mirror = mirror.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    mirror = mirror.filter(ImageFilter.GaussianBlur(5))
    floor = view.picture.crop((0, view.ground, WIDTH, HEIGHT))
    view.picture.paste(Image.blend(floor, mirror, 0.3), (0, view.ground))
    view.crowd(14, (60, 130))


def _alley(view: View) -> None:
    view.fill(view.colour((118, 70, 54)), view.colour((78, 76, 74)))
    mortar = view.colour((142, 106, 90))
    for row, y in enumerate(range(0, view.ground, 12)):
        view.draw.line((0, y, WIDTH, y), fill=mortar, width=1)
        for x in range((row % 2) * 14, WIDTH, 28):
            view.draw.line((x, y, x, y + 12), fill=mortar, width=1)
    for left, right in view.spans(100, 200):
        kind = view.rng.integers(3)
        if kind == 0:
            view.box(left + 30, 60, left + 92, view.ground, view.clothing_colour())
            view.box(left + 38, 70, left + 84, 130, view.colour((54, 46, 42)))
        elif kind == 1:
            view.box(left + 20, 30, right - 40, 96, view.colour((46, 52, 62)))
        else:
            graffito = view.clothing_colour()
            points = view.rng.integers(0, 90, size=(7, 2)) + (left + 10, 60)
            view.draw.line([tuple(map(int, p)) for p in points], fill=graffito, width=9)
    puddle = view.colour((96, 98, 104))
    for _ in range(5):
        x, y = view.rng.integers(0, WIDTH), view.rng.integers(view.ground + 12, HEIGHT)
        view.draw.ellipse((x - 46, y - 6, x + 46, y + 6), fill=puddle)
    view.crowd(4, (60, 110))


def _campus(view: View) -> None:
    view.fill(view.colour((176, 200, 224)), view.colour((92, 132, 66)))
    for left, right in view.spans(160, 300):
        if view.rng.random() < 0.5:
            top = int(view.rng.integers(20, 70))
            view.box(left, top, right, view.ground, view.colour((168, 110, 84), 20))
            for x in range(left + 14, right - 24, 40):
                view.box(x, top + 20, x + 20, top + 56, view.colour((196, 206, 212)))
    for _ in range(26):
        x = int(view.rng.integers(0, WIDTH))
        y = int(view.rng.integers(10, view.ground - 26))
        trunk = view.colour((88, 68, 50))
        view.box(x - 5, y, x + 5, view.ground + 4, trunk)
        for _ in range(9):
            dx, dy = view.rng.normal(0, 20, size=2)
            r = float(view.rng.uniform(10, 24))
            leaf = view.colour((62, 112, 46), 24)
            box = (x + dx - r, y + dy - r, x + dx + r, y + dy + r)
            view.draw.ellipse(box, fill=leaf)
    path = view.colour((184, 172, 150))
    view.draw.polygon(
        [
            (0, HEIGHT),
            (0, view.ground + 34),
            (WIDTH, view.ground + 14),
            (WIDTH, HEIGHT),
        ],
        fill=path,
    )
    view.crowd(9, (50, 100))


def _night_market(view: View) -> None:
    view.fill(view.colour((34, 32, 46), 8), view.colour((58, 52, 52), 8))
    for left, right in view.spans(90, 150):
        first, second = view.clothing_colour(), view.colour((206, 200, 186))
        view.box(left + 6, 92, right - 6, view.ground + 10, view.colour((108, 78, 50)))
        for x in range(left + 10, right - 14, 18):
            goods = view.clothing_colour()
            y = int(view.rng.integers(120, 150))
            view.box(x, y, x + 15, y + 28, goods)
        for index, x in enumerate(range(left, right, 14)):
            view.box(x, 60, x + 14, 92, first if index % 2 else second)
    lights = Image.new("RGB", view.picture.size)
    draw = ImageDraw.Draw(lights)
    for x in range(10, WIDTH, 38):
        y = int(view.rng.integers(18, 52))
        warm = [(255, 196, 96), (255, 120, 70), (120, 220, 255), (255, 110, 190)]
        lamp = warm[int(view.rng.integers(len(warm)))]
        draw.ellipse((x - 8, y - 9, x + 8, y + 9), fill=lamp)
    glow = lights.filter(ImageFilter.GaussianBlur(16)).point(lambda v: min(255, v * 3))
    lit = ImageChops.screen(ImageChops.screen(view.picture, glow), lights)
    view.picture.paste(lit)
    view.crowd(22, (70, 150))


SCENES: dict[str, Callable[[View], None]] = {
    "plaza": _plaza,
    "station": _station,
    "mall": _mall,
    "alley": _alley,
    "campus": _campus,
    "night_market": _night_market,
}
"""Painters by name."""


def paint(scene: str, rng: np.random.Generator, ground: float) -> Image.Image:
    """Paints the view of one camera.

    Args:
        scene: A key of `SCENES`.
        rng: Decides every detail; two cameras of one scene look alike, not the same.
        ground: Share of the height at which the ground begins, 0..1.

    Returns:
        RGB, `WIDTH` x `HEIGHT`, a little out of focus.
    """
    view = View(rng, ground)
    SCENES[scene](view)
    coarse = rng.normal(0.0, 7.0, size=(HEIGHT // 16, WIDTH // 16))
    fine = rng.normal(0.0, 5.0, size=(HEIGHT // 2, WIDTH // 2))
    size = (WIDTH, HEIGHT)
    grain = sum(
        np.asarray(
            Image.fromarray(noise.astype(np.float32)).resize(
                size, Image.Resampling.BILINEAR
            )
        )
        for noise in (coarse, fine)
    )
    pixels = np.asarray(view.picture, np.float32) + grain[..., None]
    picture = Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
    return picture.filter(ImageFilter.GaussianBlur(1.6))
