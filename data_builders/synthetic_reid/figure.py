"""Draws a pedestrian: an identity in a pose, on a transparent picture."""

import functools
import math

from PIL import Image, ImageDraw

from data_builders.synthetic_reid import pose as pose_lib
from data_builders.synthetic_reid.brush import Brush, darker
from data_builders.synthetic_reid.identity import Colour, Identity

_HEMS = {"shirt": 0.52, "jacket": 0.54, "hoodie": 0.53, "coat": 0.73, "dress": 0.7}
"""Where a top ends, in units of the person's height from the top of the head."""
_BACK_OF_JACKET = 0.92  # A jacket's back is a little darker than its front.


@functools.lru_cache(maxsize=4096)
def pattern_tile(pattern: str, first: Colour, second: Colour, front: bool):
    """A top's pattern as a 24 x 32 picture, coarse enough to survive a poor camera."""
    tile = Image.new("RGBA", (24, 32), first + (255,))
    draw = ImageDraw.Draw(tile)
    fill = second + (255,)
    if pattern == "bands":
        for y in (5, 15, 25):
            draw.rectangle((0, y, 24, y + 4), fill=fill)
    elif pattern == "pinstripes":
        for x in (3, 11, 19):
            draw.rectangle((x, 0, x + 2, 32), fill=fill)
    elif pattern == "check":
        for row in range(4):
            for column in range(3):
                if (row + column) % 2:
                    draw.rectangle(
                        (column * 8, row * 8, column * 8 + 7, row * 8 + 7), fill=fill
                    )
    elif pattern == "halves":
        draw.rectangle((0, 17, 24, 32), fill=fill)
    elif pattern == "logo" and front:
        draw.ellipse((6, 8, 17, 19), fill=fill)
    elif pattern == "logo":
        draw.rectangle((5, 6, 18, 11), fill=fill)
    elif pattern == "sash":
        draw.polygon([(0, 4), (0, 13), (24, 28), (24, 19)], fill=fill)
    return tile


def draw_figure(
    picture: Image.Image,
    person: Identity,
    pose: pose_lib.Pose,
    feet: tuple[float, float],
    height: float,
) -> None:
    """Draws a person, flat colours without light.

    Args:
        picture: RGBA, drawn on.
        person: Who.
        pose: How.
        feet: Pixel between the feet.
        height: Pixels of a person of average height.
    """
    scale = height * person.height
    bones = pose_lib.skeleton(pose, person.girth)
    brush = Brush(picture, (feet[0], feet[1] - bones.sole_y * scale), scale)
    behind, along = pose.from_behind, math.sin(pose.yaw)
    if person.bag == "backpack" and not behind:
        _backpack(brush, person, bones, along, behind)
    _arm(brush, person, bones.far_arm, 0.82)
    _leg(brush, person, bones.far_leg, along, 0.82)
    _leg(brush, person, bones.near_leg, along, 1.0)
    _skirt(brush, person, bones)
    _trunk(brush, person, bones, pose)
    if person.bag == "backpack":
        _backpack(brush, person, bones, along, behind, straps=True)
    elif person.bag == "shoulder_bag":
        _shoulder_bag(brush, person, bones)
    _arm(brush, person, bones.near_arm, 0.94)
    if person.bag in ("handbag", "suitcase"):
        _carried(brush, person, bones, along)
    _head(brush, person, bones, along, behind)


def _leg(brush, person, leg, along, light):
    thick = 0.05 * person.girth
    cloth, skin = darker(person.bottom_colour, light), darker(person.skin, light)
    bare = person.bottom != "trousers"
    lower = skin if bare else cloth
    upper = skin if person.bottom in ("skirt", "long_skirt") else cloth
    shoe = darker(person.shoes, light)
    (hip, knee, ankle) = (leg.upper, leg.middle, leg.lower)
    brush.limb(knee, ankle, thick * 0.74, thick * (0.48 if bare else 0.62), lower)
    brush.limb(hip, knee, thick * 1.05, thick * 0.8, upper)
    toe = (ankle[0] + 0.03 * along, ankle[1] + 0.022)
    brush.ellipse(toe, 0.022 + 0.022 * abs(along), 0.018, shoe)


def _arm(brush, person, arm, light):
    thick = 0.033 * (0.6 + 0.4 * person.girth)
    sleeve, skin = darker(person.sleeve_colour, light), darker(person.skin, light)
    brush.ellipse(arm.lower, 0.02, 0.024, skin)
    lower = sleeve if person.long_sleeves else skin
    brush.limb(arm.middle, arm.lower, thick * 0.82, thick * 0.66, lower)
    brush.limb(arm.upper, arm.middle, thick * 1.08, thick * 0.88, sleeve)


def _skirt(brush, person, bones):
    if person.bottom not in ("skirt", "long_skirt") or person.top == "dress":
        return
    hem = bones.hip_y + (0.17 if person.bottom == "skirt" else 0.37)
    flare = 1.35 if person.bottom == "skirt" else 1.55
    brush.polygon(
        [
            (-bones.waist, bones.hip_y - 0.05),
            (bones.waist, bones.hip_y - 0.05),
            (bones.hip * flare, hem),
            (-bones.hip * flare, hem),
        ],
        person.bottom_colour,
    )


def _trunk(brush, person, bones, pose):
    hem = _HEMS[person.top] - 0.02 * pose.tilt
    flare = {"coat": 1.18, "dress": 1.5}.get(person.top, 1.04)
    top = bones.shoulder_y
    side = [
        (0.036, top - 0.03),
        (0.06, top - 0.014),
        (bones.shoulder * 0.8, top + 0.004),
        (bones.shoulder * 0.96, top + 0.028),
        (bones.shoulder * 0.96, top + 0.08),
        (bones.waist, top + 0.22),
        (bones.hip, bones.hip_y - 0.02),
        (bones.hip * flare, hem),
    ]
    outline = side + [(-x, y) for x, y in reversed(side)]
    behind = pose.from_behind
    shift = math.sin(pose.yaw) * bones.waist
    neck = darker(person.skin, 0.85)
    brush.limb((0, top - 0.06), (0, top - 0.015), 0.028, 0.034, neck)
    colour = person.top_colour
    if person.top == "jacket" and behind:
        colour = darker(colour, _BACK_OF_JACKET)
    tile = pattern_tile(person.pattern, colour, person.second_colour, not behind)
    brush.texture(outline, tile)
    if person.top in ("jacket", "coat") and not behind:
        half = 0.036 if person.top == "jacket" else 0.014
        brush.polygon(
            [
                (shift - half, top - 0.03),
                (shift + half, top - 0.03),
                (shift + half * 1.3, hem),
                (shift - half * 1.3, hem),
            ],
            person.second_colour,
        )
    if person.top == "jacket" and behind:
        # What is worn beneath shows at the neck and below the jacket.
        for y in (top - 0.022, hem - 0.012):
            half = 0.04 if y < top else bones.hip * flare
            brush.box((0, y), half, 0.014, person.second_colour)
    if person.top == "hoodie":
        hood = darker(person.top_colour, 0.78)
        brush.ellipse((-shift * 0.4, top - 0.018), 0.062, 0.03, hood)
    if person.top in ("coat", "dress"):
        belt = bones.hip_y - 0.075
        brush.polygon(
            [
                (-bones.waist * 1.02, belt),
                (bones.waist * 1.02, belt),
                (bones.waist * 1.03, belt + 0.022),
                (-bones.waist * 1.03, belt + 0.022),
            ],
            darker(person.second_colour, 0.9),
        )


def _backpack(brush, person, bones, along, behind, straps=False):
    middle = bones.shoulder_y + 0.13
    if behind:
        x = -along * bones.shoulder * 0.9
        half = bones.shoulder * (0.78 - 0.2 * abs(along))
        brush.box((x, middle), half, 0.125, person.bag_colour, 0.4)
        pocket = darker(person.bag_colour, 0.74)
        brush.box((x, middle + 0.06), half * 0.7, 0.045, pocket, 0.3)
    elif straps:
        for side in (-1, 1):
            x = side * bones.shoulder * 0.56 + along * 0.02
            brush.line(
                [(x, bones.shoulder_y - 0.015), (x, middle + 0.05)],
                0.022,
                person.bag_colour,
            )
    else:
        x = -along * bones.shoulder * 1.25
        brush.box((x, middle), bones.shoulder * 0.62, 0.12, person.bag_colour, 0.4)


def _shoulder_bag(brush, person, bones):
    side = -1.0
    bag = (side * (bones.hip + 0.015), bones.hip_y + 0.015)
    brush.line(
        [(-side * bones.shoulder * 0.6, bones.shoulder_y - 0.01), bag],
        0.016,
        darker(person.bag_colour, 0.8),
    )
    brush.box(bag, 0.052, 0.052, person.bag_colour, 0.35)


def _carried(brush, person, bones, along):
    hand = bones.near_arm.lower
    dark = darker(person.bag_colour, 0.7)
    if person.bag == "handbag":
        brush.line([hand, (hand[0], hand[1] + 0.05)], 0.02, dark)
        brush.box((hand[0], hand[1] + 0.09), 0.05, 0.05, person.bag_colour, 0.3)
        return
    x = hand[0] - 0.07 * (along if abs(along) > 0.3 else math.copysign(1.0, -hand[0]))
    brush.line([hand, (x, 0.72)], 0.012, dark)
    brush.box((x, 0.84), 0.066, 0.12, person.bag_colour, 0.3)
    brush.line([(x - 0.05, 0.84), (x + 0.05, 0.84)], 0.014, dark)


def _head(brush, person, bones, along, behind):
    (x, y), r = bones.head, bones.head_radius
    hair, style = person.hair, person.hair_style
    if style == "long":
        # Falls on the back; from ahead it shows on either side of the neck.
        length = r * (1.25 if behind else 0.95)
        brush.box((x - along * 0.025, y + r * 0.75), r * 0.86, length, hair, 0.7)
        if not behind:
            neck = (x + along * 0.012, y + r * 1.1)
            brush.ellipse(neck, r * 0.44, r * 0.7, darker(person.skin, 0.85))
    brush.ellipse((x, y), r * 0.8, r * 1.04, person.skin)
    if behind and style != "bald":
        low = 0.3 if style == "long" else -0.08
        brush.ellipse((x, y + r * low), r * 0.88, r * (1.04 + max(low, 0)), hair)
    elif style != "bald":
        turn = abs(along)
        brush.half_ellipse((x - along * r * 0.14, y - r * 0.1), r * 0.9, r * 1.06, hair)
        back = (x - along * r * 0.45, y - r * 0.14)
        brush.ellipse(back, r * (0.36 + 0.16 * turn), r * 0.8, hair)
        face = (x + along * r * 0.36, y + r * 0.24)
        brush.ellipse(face, r * (0.66 - 0.2 * turn), r * 0.76, person.skin)
    if style == "bun":
        brush.ellipse((x - along * r * 0.8, y - r * 1.05), r * 0.46, r * 0.42, hair)
    hat = person.hat_colour
    if person.hat in ("cap", "beanie"):
        brush.half_ellipse((x, y - r * 0.12), r * 0.98, r * 1.12, hat)
    if person.hat == "cap" and not behind:
        visor = (x + along * r * 0.8, y - r * 0.14)
        brush.ellipse(visor, r * 0.8, r * 0.2, darker(hat, 0.8))
    elif person.hat == "sun_hat":
        brush.ellipse((x, y - r * 0.3), r * 1.9, r * 0.42, hat)
        brush.half_ellipse((x, y - r * 0.34), r * 0.9, r * 1.0, darker(hat, 0.9))
