"""What stands between the camera and the pedestrian."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from data_builders.synthetic_reid import figure, identity
from data_builders.synthetic_reid import pose as pose_lib


def _passer_by(picture, rng, side):
    """Another person, closer to the camera, half out of the picture."""
    width, height = picture.size
    person = identity.draw_identity(rng)
    pose = pose_lib.draw_pose(rng, float(rng.uniform(-3.1, 3.1)), 0.1, 0.2)
    x = width * (0.5 + side * float(rng.uniform(0.4, 0.56)))
    feet = (x, height * float(rng.uniform(1.02, 1.12)))
    figure.draw_figure(picture, person, pose, feet, height * 0.95)


def _bollard(picture, rng, side):
    width, height = picture.size
    x = width * (0.5 + side * float(rng.uniform(0.12, 0.36)))
    top = height * float(rng.uniform(0.66, 0.8))
    half = width * 0.06
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((x - half, top, x + half, height + 9), half, (70, 72, 76))
    draw.rectangle((x - half, top + 12, x + half, top + 20), (214, 208, 190))


def _bin(picture, rng, side):
    width, height = picture.size
    x = width * (0.5 + side * float(rng.uniform(0.2, 0.42)))
    top, half = height * float(rng.uniform(0.64, 0.76)), width * 0.15
    names = ("green", "brown", "navy", "grey")
    colour = identity.PALETTE[names[int(rng.integers(len(names)))]]
    draw = ImageDraw.Draw(picture)
    draw.rectangle((x - half, top, x + half, height), colour)
    draw.rectangle((x - half * 1.1, top - 7, x + half * 1.1, top + 5), (48, 50, 52))


def _bush(picture, rng, side):
    width, height = picture.size
    draw = ImageDraw.Draw(picture)
    for _ in range(26):
        x = width * (0.5 + side * float(rng.uniform(0.05, 0.6)))
        y = height * float(rng.uniform(0.74, 1.0))
        r = width * float(rng.uniform(0.05, 0.12))
        shade = int(rng.integers(-22, 23))
        leaf = (54 + shade, 104 + shade, 44 + shade)
        draw.ellipse((x - r, y - r * 0.8, x + r, y + r * 0.8), leaf)


def _rail(picture, rng, side):
    width, height = picture.size
    top = height * float(rng.uniform(0.58, 0.7))
    draw = ImageDraw.Draw(picture)
    steel = (150, 154, 158)
    draw.rectangle((0, top, width, top + 7), steel)
    start = int(rng.integers(0, 40))
    for x in range(start, width, 46):
        draw.rectangle((x, top, x + 5, height), steel)


def _pillar(picture, rng, side):
    width, height = picture.size
    edge = width * (0.5 + side * float(rng.uniform(0.2, 0.34)))
    far = width * (0.5 + side * 0.7)
    draw = ImageDraw.Draw(picture)
    shade = int(rng.integers(70, 150))
    left, right = sorted((edge, far))
    draw.rectangle((left, 0, right, height), (shade, shade, shade + 4))


def _plant(picture, rng, side):
    width, height = picture.size
    x = width * (0.5 + side * float(rng.uniform(0.28, 0.44)))
    draw = ImageDraw.Draw(picture)
    for _ in range(12):
        dx = float(rng.uniform(-0.24, 0.24)) * width
        y = height * float(rng.uniform(0.58, 0.72))
        draw.line((x, height * 0.86, x + dx, y), (40, 96, 52), 9)
    half = width * 0.1
    draw.rectangle((x - half, height * 0.85, x + half, height), (120, 84, 62))


OCCLUDERS: dict[str, Callable] = {
    "passer_by": _passer_by,
    "bollard": _bollard,
    "bin": _bin,
    "bush": _bush,
    "rail": _rail,
    "pillar": _pillar,
    "plant": _plant,
}
"""Painters by name: (RGBA picture, rng, side -1 or 1)."""


def draw_occluder(
    picture: Image.Image, kinds: tuple[str, ...], rng: np.random.Generator
) -> None:
    """Draws one of the named things on an RGBA picture, left or right."""
    kind = kinds[int(rng.integers(len(kinds)))]
    side = 1.0 if rng.random() < 0.5 else -1.0
    OCCLUDERS[kind](picture, rng, side)
