"""Random changes of a training image, each one option, all from one seed."""

import dataclasses
import math

import tensorflow as tf

from dimn_tf import config, errors

# ImageNet's mean colour: what an erased patch shows, so that it says nothing.
ERASED_COLOUR = (123.675, 116.28, 103.53)

# RGB <-> YIQ (NTSC): Y is the luminance, hue an angle in the plane of I and Q.
_LUMINANCE = (0.299, 0.587, 0.114)
_RGB_TO_YIQ = (_LUMINANCE, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))

# One uniform number an image for each use below, drawn in one go: an option that is
# switched on or off leaves the draws of the others as they are.
_DRAWS = (
    "flip",
    "crop_top",
    "crop_left",
    "brightness",
    "contrast",
    "saturation",
    "hue",
    "red_gain",
    "green_gain",
    "blue_gain",
    "grey",
    "low_resolution",
    "low_resolution_scale",
    "erase",
    "erase_area",
    "erase_aspect",
    "erase_top",
    "erase_left",
)


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Options of `augment`; the paper states none of them, so every one is ours.

    Applied in this order: low resolution, flip, crop, colour and grey (one affine
    map, then clipped to 0..255), erasing.
    """

    flip: float = config.option(
        0.5, "Probability of mirroring a training image left and right; ours: 0.5."
    )
    crop_padding: float = config.option(
        0.0,
        "Black margin put round a training image before a crop of the old size is "
        "taken from it, as a share of its height (10 / 256 is common); ours: none.",
    )
    brightness: float = config.option(
        0.0, "Largest relative change of light: 0.2 means 0.8 to 1.2 times; ours: none."
    )
    contrast: float = config.option(
        0.0, "Largest relative change of the distance to mean luminance; ours: none."
    )
    saturation: float = config.option(
        0.0, "Largest relative change of the distance to grey; ours: none."
    )
    hue: float = config.option(
        0.0, "Largest turn of the hue, share of the full circle, to 0.5; ours: none."
    )
    colour_cast: float = config.option(
        0.0,
        "Largest relative change of each colour channel by itself, as another camera's "
        "white balance makes it; ours: none.",
    )
    grey: float = config.option(
        0.0, "Probability of taking all colour out of a training image; ours: 0."
    )
    low_resolution: float = config.option(
        0.0,
        "Probability of shrinking a training image and blowing it up again, as a "
        "camera further away would have seen it; ours: 0.",
    )
    low_resolution_scale: float = config.option(
        0.3, "Smallest scale of that shrinking; ours: 0.3."
    )
    erasing: float = config.option(
        0.0, "Probability of covering a rectangle with ImageNet's mean colour; ours: 0."
    )
    erasing_smallest_area: float = config.option(
        0.02, "Smallest share of the image that the rectangle covers; ours: 0.02."
    )
    erasing_largest_area: float = config.option(
        0.4, "Largest share of the image that the rectangle covers; ours: 0.4."
    )
    erasing_aspect: float = config.option(
        0.3,
        "Height over width of the rectangle lies between this and its inverse; sides "
        "longer than the image's are cut; ours: 0.3.",
    )

    def __post_init__(self):
        smallest = {
            "low_resolution_scale": 0.01,
            "erasing_smallest_area": 0.001,
            "erasing_largest_area": self.erasing_smallest_area,
            "erasing_aspect": 0.01,
        }
        for name, value in dataclasses.asdict(self).items():
            low, high = smallest.get(name, 0.0), 0.5 if name == "hue" else 1.0
            if not low <= value <= high:
                raise errors.UserError(
                    f"--augment_{name}={value}: expected {low:g} to {high:g}."
                )


def augment(image: tf.Tensor, seed: tf.Tensor, options: Augmentation) -> tf.Tensor:
    """Changes an image at random, the same way for the same seed.

    Args:
        image: float32 [H, W, 3], RGB in 0..255, of static shape.
        seed: int32 [2].
        options: what to do, and how strongly.

    Returns:
        float32 [H, W, 3], RGB in 0..255.
    """
    uniform = tf.unstack(tf.random.stateless_uniform([len(_DRAWS)], seed))
    draws = dict(zip(_DRAWS, uniform, strict=True))
    if options.low_resolution:
        image = _lower_resolution(image, draws, options)
    if options.flip:
        image = tf.cond(
            draws["flip"] < options.flip,
            lambda: tf.reverse(image, axis=[1]),
            lambda: image,
        )
    if options.crop_padding:
        image = _crop(image, draws, options)
    if (
        options.brightness
        or options.contrast
        or options.saturation
        or options.hue
        or options.colour_cast
        or options.grey
    ):
        image = _change_colour(image, draws, options)
    if options.erasing:
        image = _erase(image, draws, options)
    return image


def _between(draw: tf.Tensor, low: float, high: float) -> tf.Tensor:
    return low + (high - low) * draw


def _lower_resolution(image, draws, options):
    height, width, _ = image.shape

    def shrink_and_grow():
        scale = _between(
            draws["low_resolution_scale"], options.low_resolution_scale, 1.0
        )
        size = tf.cast(tf.math.ceil(scale * (height, width)), tf.int32)
        small = tf.image.resize(image, size, antialias=True)
        return tf.ensure_shape(tf.image.resize(small, (height, width)), image.shape)

    return tf.cond(
        draws["low_resolution"] < options.low_resolution,
        shrink_and_grow,
        lambda: image,
    )


def _crop(image, draws, options):
    height, width, channels = image.shape
    margin = round(options.crop_padding * height)
    places = 2 * margin + 1
    top = tf.cast(draws["crop_top"] * places, tf.int32)
    left = tf.cast(draws["crop_left"] * places, tf.int32)
    padded = tf.pad(image, ((margin, margin), (margin, margin), (0, 0)))
    return tf.slice(padded, (top, left, 0), (height, width, channels))


def _change_colour(image, draws, options):
    """rgb -> gains (M rgb + offset), clipped: brightness to grey, then the cast.

    A rotation in YIQ stands for the turn of the hue: linear, and several times
    cheaper than the way through HSV. M = brightness * contrast * T with
    T = inverse(YIQ) diag(1, R(hue) * saturation) YIQ, which keeps the luminance,
    so contrast can pivot on the mean luminance of the untouched image.
    """
    brightness, contrast, saturation = (
        _between(draws[name], 1 - strength, 1 + strength)
        for name, strength in (
            ("brightness", options.brightness),
            ("contrast", options.contrast),
            ("saturation", options.saturation),
        )
    )
    cast = options.colour_cast
    angle = _between(draws["hue"], -options.hue, options.hue) * 2 * math.pi
    saturation *= tf.cast(draws["grey"] >= options.grey, tf.float32)
    cosine, sine = saturation * tf.cos(angle), saturation * tf.sin(angle)
    one, zero = tf.ones([]), tf.zeros([])
    rotation = tf.reshape(
        tf.stack([one, zero, zero, zero, cosine, -sine, zero, sine, cosine]), (3, 3)
    )
    to_yiq = tf.constant(_RGB_TO_YIQ, tf.float32)
    turn = tf.linalg.solve(to_yiq, rotation @ to_yiq)
    matrix = brightness * contrast * turn
    gains = tf.stack(
        [
            _between(draws[f"{name}_gain"], 1 - cast, 1 + cast)
            for name in ("red", "green", "blue")
        ]
    )
    mean = tf.tensordot(tf.reduce_mean(image, axis=(0, 1)), tf.constant(_LUMINANCE), 1)
    offset = brightness * (1 - contrast) * mean
    pixels = tf.reshape(image, (-1, 3))
    changed = (tf.matmul(pixels, matrix, transpose_b=True) + offset) * gains
    return tf.reshape(tf.clip_by_value(changed, 0.0, 255.0), image.shape)


def _erase(image, draws, options):
    height, width, _ = image.shape
    area = (
        _between(
            draws["erase_area"],
            options.erasing_smallest_area,
            options.erasing_largest_area,
        )
        * height
        * width
    )
    spread = math.log(options.erasing_aspect)
    aspect = tf.exp(_between(draws["erase_aspect"], spread, -spread))
    rows = tf.minimum(tf.cast(tf.round(tf.sqrt(area * aspect)), tf.int32), height)
    columns = tf.minimum(tf.cast(tf.round(tf.sqrt(area / aspect)), tf.int32), width)
    top, left = (
        tf.cast(draw * tf.cast(places, tf.float32), tf.int32)
        for draw, places in (
            (draws["erase_top"], height - rows + 1),
            (draws["erase_left"], width - columns + 1),
        )
    )

    def cover():
        # Copies round a patch: a mask over all pixels takes several times as long.
        patch = tf.broadcast_to(ERASED_COLOUR, (rows, columns, 3))
        band = image[top : top + rows]
        band = tf.concat([band[:, :left], patch, band[:, left + columns :]], axis=1)
        covered = tf.concat([image[:top], band, image[top + rows :]], axis=0)
        return tf.ensure_shape(covered, image.shape)

    return tf.cond(draws["erase"] < options.erasing, cover, lambda: image)
