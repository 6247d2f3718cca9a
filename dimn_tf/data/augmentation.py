"""Random changes of training images, each one option, all from given numbers.

They run where the training step runs, on a whole batch at a time and in its graph;
the numbers come with the batch, so that the device draws nothing.
"""

import dataclasses
import math

import tensorflow as tf

from dimn_tf import config, errors
from dimn_tf.data import colour_change, flip_crop_erase, low_resolution

# One uniform number an image for each use below, drawn in one go: an option that is
# switched on or off leaves the draws of the others as they are.
DRAWS = (
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
        "Margin put round a training image before a crop of the old size is taken "
        "from it, as a share of its height (10 / 256 is common); ours: none.",
    )
    crop_fill: str = config.option(
        "black",
        "What that margin shows: black (common), or the image's edge, which leaves an "
        "instance norm's statistics nearly as they are; ours: black.",
        choices=flip_crop_erase.FILLS,
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
            if not isinstance(value, float | int):
                continue  # `config.check` tells it.
            if not low <= value <= high:
                raise errors.UserError(
                    f"--augment_{name}={value}: expected {low:g} to {high:g}."
                )


def augment(images: tf.Tensor, draws: tf.Tensor, options: Augmentation) -> tf.Tensor:
    """Changes images at random, the same way for the same draws.

    Pure tensor operations without a branch or a host-side call, for a graph on any
    device, compiled by XLA or not; an option that is off adds none. The same draws
    give the same picture but for float rounding.

    Args:
        images: uint8 or float32 [..., H, W, 3], RGB in 0..255, H and W static.
        draws: float32 [..., 18] in 0..1, one number of `DRAWS` after the other.
        options: What to do, and how strongly.

    Returns:
        float32 [..., H, W, 3], RGB in 0..255.
    """
    images, draws = tf.convert_to_tensor(images), tf.convert_to_tensor(draws)
    shape, dynamic_shape = images.shape, tf.shape(images)
    images = tf.reshape(images, (-1, *shape[-3:]))
    draws = tf.reshape(draws, (-1, len(DRAWS)))
    by_name = dict(zip(DRAWS, tf.unstack(draws, axis=-1), strict=True))
    images = _augment(images, by_name, options)
    return tf.ensure_shape(tf.reshape(images, dynamic_shape), shape)


def _augment(images, draws, options):
    """uint8 or float32 [n, H, W, 3] and draws [n] by name -> float32 [n, H, W, 3]."""
    height, width = images.shape[1:3]
    if options.low_resolution:
        scale = _between(
            draws["low_resolution_scale"], options.low_resolution_scale, 1.0
        )
        struck = draws["low_resolution"] < options.low_resolution
        images = low_resolution.lower_resolution(images, struck, scale)
    images = tf.cast(images, tf.float32)
    margin = round(options.crop_padding * height)
    if options.flip or margin:
        images = flip_crop_erase.flip_and_crop(
            images,
            flipped=draws["flip"] < options.flip if options.flip else None,
            top=_place(draws["crop_top"], 2 * margin + 1),
            left=_place(draws["crop_left"], 2 * margin + 1),
            margin=margin,
            fill=options.crop_fill,
        )
    if (
        options.brightness
        or options.contrast
        or options.saturation
        or options.hue
        or options.colour_cast
        or options.grey
    ):
        images = _change_colour(images, draws, options)
    if options.erasing:
        images = _erase(images, draws, options, height, width)
    return images


def _between(draw: tf.Tensor, low: float, high: float) -> tf.Tensor:
    return low + (high - low) * draw


def _around(draw: tf.Tensor, middle: float, most: float) -> tf.Tensor:
    return _between(draw, middle - most, middle + most)


def _place(draw: tf.Tensor, places) -> tf.Tensor:
    """int32, one of 0..places-1."""
    return tf.cast(draw * tf.cast(places, tf.float32), tf.int32)


def _change_colour(images, draws, options):
    colourful = tf.cast(draws["grey"] >= options.grey, tf.float32)
    return colour_change.change_colour(
        images,
        brightness=_around(draws["brightness"], 1, options.brightness),
        contrast=_around(draws["contrast"], 1, options.contrast),
        saturation=_around(draws["saturation"], 1, options.saturation) * colourful,
        turn=_around(draws["hue"], 0, options.hue),
        gains=tf.stack(
            [
                _around(draws[f"{channel}_gain"], 1, options.colour_cast)
                for channel in ("red", "green", "blue")
            ],
            axis=-1,
        ),
    )


def _erase(images, draws, options, height, width):
    share = _between(
        draws["erase_area"],
        options.erasing_smallest_area,
        options.erasing_largest_area,
    )
    area = share * height * width
    spread = math.log(options.erasing_aspect)
    aspect = tf.exp(_between(draws["erase_aspect"], spread, -spread))
    rows, columns = (
        tf.minimum(tf.cast(tf.round(tf.sqrt(side)), tf.int32), most)
        for side, most in ((area * aspect, height), (area / aspect, width))
    )
    return flip_crop_erase.erase(
        images,
        struck=draws["erase"] < options.erasing,
        top=_place(draws["erase_top"], height - rows + 1),
        left=_place(draws["erase_left"], width - columns + 1),
        rows=rows,
        columns=columns,
    )
