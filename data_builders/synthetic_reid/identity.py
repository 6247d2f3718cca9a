"""What tells one rendered pedestrian from another."""

import dataclasses

import numpy as np

Colour = tuple[int, int, int]

PALETTE: dict[str, Colour] = {
    "black": (32, 32, 36),
    "grey": (138, 140, 142),
    "white": (232, 232, 228),
    "beige": (206, 186, 150),
    "brown": (112, 76, 48),
    "navy": (34, 44, 92),
    "blue": (46, 92, 178),
    "sky": (128, 178, 222),
    "green": (46, 128, 62),
    "yellow": (226, 190, 48),
    "orange": (222, 118, 38),
    "red": (190, 38, 42),
    "pink": (226, 138, 166),
    "purple": (110, 62, 142),
}
"""Clothing colours, sRGB 0..255."""

SKINS: tuple[Colour, ...] = (
    (240, 208, 184),
    (224, 180, 148),
    (190, 140, 104),
    (140, 96, 68),
    (92, 62, 46),
)
HAIRS: tuple[Colour, ...] = (
    (28, 24, 24),
    (62, 42, 30),
    (112, 74, 44),
    (196, 162, 98),
    (150, 66, 34),
    (176, 176, 176),
)
TOPS = ("shirt", "jacket", "hoodie", "coat", "dress")
PATTERNS = ("plain", "bands", "pinstripes", "check", "halves", "logo", "sash")
BOTTOMS = ("trousers", "shorts", "skirt", "long_skirt")
BAGS = ("none", "backpack", "shoulder_bag", "handbag", "suitcase")
HAIR_STYLES = ("short", "long", "bun", "bald")
HATS = ("none", "cap", "beanie", "sun_hat")


@dataclasses.dataclass(frozen=True)
class Identity:
    """A person: clothing, build, hair and carried things; the same in all images.

    Colours are sRGB 0..255; `height` and `girth` are factors of the average
    pedestrian's.
    """

    height: float
    girth: float
    skin: Colour
    hair: Colour
    hair_style: str
    hat: str
    hat_colour: Colour
    top: str
    top_colour: Colour
    second_colour: Colour
    pattern: str
    long_sleeves: bool
    sleeve_colour: Colour
    bottom: str
    bottom_colour: Colour
    shoes: Colour
    bag: str
    bag_colour: Colour


def draw_identity(rng: np.random.Generator) -> Identity:
    """Draws a person at random."""

    def one_of(options, weights=None):
        return options[int(rng.choice(len(options), p=weights))]

    def shade_of(name):
        shift = rng.integers(-14, 15, size=3)
        return tuple(int(v) for v in np.clip(np.add(PALETTE[name], shift), 8, 247))

    colours = tuple(PALETTE)
    top = one_of(TOPS, (0.4, 0.14, 0.18, 0.14, 0.14))
    top_name = one_of(colours)
    # The second colour stands out, or the pattern would tell nobody apart.
    contrasts = [c for c in colours if _distance(c, top_name) > 110]
    second_name = one_of(contrasts)
    pattern = one_of(PATTERNS, (0.24, 0.16, 0.12, 0.12, 0.14, 0.12, 0.1))
    if top == "jacket":
        pattern = "plain"  # An open jacket shows what is worn beneath instead.
    top_colour, second_colour = shade_of(top_name), shade_of(second_name)
    long_sleeves = top in ("jacket", "hoodie", "coat") or rng.random() < 0.4
    contrast_sleeves = top in ("shirt", "hoodie") and rng.random() < 0.2
    bottom_name = one_of([c for c in colours if c != top_name])
    return Identity(
        height=float(rng.uniform(0.88, 1.0)),
        girth=float(rng.uniform(0.84, 1.24)),
        skin=one_of(SKINS),
        hair=one_of(HAIRS),
        hair_style=one_of(HAIR_STYLES, (0.42, 0.34, 0.14, 0.1)),
        hat=one_of(HATS, (0.7, 0.13, 0.1, 0.07)),
        hat_colour=shade_of(one_of(colours)),
        top=top,
        top_colour=top_colour,
        second_colour=second_colour,
        pattern=pattern,
        long_sleeves=bool(long_sleeves),
        sleeve_colour=second_colour if contrast_sleeves else top_colour,
        bottom=one_of(BOTTOMS, (0.6, 0.16, 0.16, 0.08)),
        bottom_colour=shade_of(bottom_name),
        shoes=shade_of(one_of(("black", "white", "brown", "grey", "red", "blue"))),
        bag=one_of(BAGS, (0.4, 0.16, 0.18, 0.16, 0.1)),
        bag_colour=shade_of(one_of(colours)),
    )


def _distance(first: str, second: str) -> float:
    return float(np.linalg.norm(np.subtract(PALETTE[first], PALETTE[second])))


def draw_identities(rng: np.random.Generator, count: int) -> list[Identity]:
    """Draws `count` persons, no two of them in like clothes of like colours."""
    identities, taken = [], set()
    while len(identities) < count:
        person = draw_identity(rng)
        clothes = (
            person.top,
            person.pattern,
            person.bottom,
            *(v // 48 for v in person.top_colour + person.bottom_colour),
        )
        if clothes not in taken:
            taken.add(clothes)
            identities.append(person)
    return identities
