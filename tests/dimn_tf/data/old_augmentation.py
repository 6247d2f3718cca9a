"""Augmentation of one image as it was on the host, word for word (commit c925730).

`augment(image, seed, options)` is what `augmentation.augment` has to equal, with the
draws that `draws_of(seed)` gives.
"""

import math

import tensorflow as tf

from dimn_tf.data import augmentation

# ImageNet's mean colour: what an erased patch shows, so that it says nothing.
ERASED_COLOUR = (123.675, 116.28, 103.53)

# RGB <-> YIQ (NTSC): Y is the luminance, hue an angle in the plane of I and Q.
_LUMINANCE = (0.299, 0.587, 0.114)
_RGB_TO_YIQ = (_LUMINANCE, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


def draws_of(seed: tf.Tensor) -> tf.Tensor:
    """float32 [18], what `augment` draws."""
    return tf.random.stateless_uniform([len(augmentation.DRAWS)], seed)


def augment(image: tf.Tensor, seed: tf.Tensor, options) -> tf.Tensor:
    """Changes an image at random, the same way for the same seed.

    Args:
        image: float32 [H, W, 3], RGB in 0..255, of static shape.
        seed: int32 [2].
        options: what to do, and how strongly.

    Returns:
        float32 [H, W, 3], RGB in 0..255.
    """
    uniform = tf.unstack(draws_of(seed))
    draws = dict(zip(augmentation.DRAWS, uniform, strict=True))
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
