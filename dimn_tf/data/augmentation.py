"""Random changes of a training image, each one option, all from one seed."""

import dataclasses
import math

import tensorflow as tf

from dimn_tf import errors

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
    """Options of `augment`. The paper states none: every default is ours.

    Applied in this order: low resolution, flip, crop, colour and grey (one affine
    map, then clipped to 0..255), erasing. A value of 0 switches an option off.

    Attributes:
        flip: probability of mirroring left and right.
        crop_padding: black margin put round the image before a crop of the old size
            is taken from it, as a share of the image's height (10 / 256 is common).
        brightness: largest relative change: 0.2 multiplies by 0.8 to 1.2.
        contrast: largest relative change of the distance to the mean luminance.
        saturation: largest relative change of the distance to grey.
        hue: largest turn of the hue, as a share of the full circle, at most 0.5.
        grey: probability of taking all colour out.
        low_resolution: probability of shrinking the image and blowing it up again,
            as a camera further away would have seen it.
        low_resolution_scale: smallest scale of that, in 0..1.
        erasing: probability of covering a rectangle with ImageNet's mean colour.
        erasing_area: smallest and largest share of the image that it covers.
        erasing_aspect: its height over its width lies between this and the inverse;
            sides are cut to the image's.
    """

    flip: float = 0.5
    crop_padding: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    grey: float = 0.0
    low_resolution: float = 0.0
    low_resolution_scale: float = 0.3
    erasing: float = 0.0
    erasing_area: tuple[float, float] = (0.02, 0.4)
    erasing_aspect: float = 0.3

    def __post_init__(self):
        ranges = dict.fromkeys(
            ("flip", "crop_padding", "contrast", "brightness", "saturation", "grey"),
            (0.0, 1.0),
        )
        ranges |= {"hue": (0.0, 0.5), "low_resolution": (0.0, 1.0)}
        ranges |= {"low_resolution_scale": (1e-3, 1.0), "erasing": (0.0, 1.0)}
        ranges |= {"erasing_aspect": (1e-3, 1.0)}
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise errors.UserError(
                    f"Augmentation {name}={value}: expected {low:g} to {high:g}."
                )
        smallest, largest = self.erasing_area
        if not 0 < smallest <= largest <= 1:
            raise errors.UserError(
                f"Augmentation erasing_area={self.erasing_area}: expected two shares "
                "of the image in 0..1, the smaller first."
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
    """rgb -> M rgb + offset, clipped: brightness, contrast, saturation, hue, grey.

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
    mean = tf.tensordot(tf.reduce_mean(image, axis=(0, 1)), tf.constant(_LUMINANCE), 1)
    offset = brightness * (1 - contrast) * mean
    pixels = tf.reshape(image, (-1, 3))
    changed = tf.matmul(pixels, matrix, transpose_b=True) + offset
    return tf.reshape(tf.clip_by_value(changed, 0.0, 255.0), image.shape)


def _erase(image, draws, options):
    height, width, _ = image.shape
    area = _between(draws["erase_area"], *options.erasing_area) * height * width
    spread = math.log(options.erasing_aspect)
    aspect = tf.exp(_between(draws["erase_aspect"], spread, -spread))
    rows = tf.minimum(tf.round(tf.sqrt(area * aspect)), float(height))
    columns = tf.minimum(tf.round(tf.sqrt(area / aspect)), float(width))
    erased = draws["erase"] < options.erasing
    top = tf.floor(draws["erase_top"] * (height - rows + 1))
    left = tf.floor(draws["erase_left"] * (width - columns + 1))
    y = tf.range(height, dtype=tf.float32)[:, None, None]
    x = tf.range(width, dtype=tf.float32)[None, :, None]
    inside = (y >= top) & (y < top + rows) & (x >= left) & (x < left + columns)
    return tf.where(inside & erased, tf.constant(ERASED_COLOUR, tf.float32), image)
