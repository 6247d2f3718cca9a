"""Light, contrast, colour and white balance of images: one affine map of each."""

import math

import numpy as np
import tensorflow as tf

# RGB <-> YIQ (NTSC): Y is the luminance, hue an angle in the plane of I and Q.
_LUMINANCE = (0.299, 0.587, 0.114)
_RGB_TO_YIQ = np.array(
    (_LUMINANCE, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
)


def _in_rgb(map_of_yiq) -> np.ndarray:
    """A linear map of YIQ as one of RGB: [3, 3]."""
    found = np.linalg.inv(_RGB_TO_YIQ) @ np.array(map_of_yiq) @ _RGB_TO_YIQ
    return found.astype(np.float32)


# The luminance kept and all colour taken out; the colour kept; it turned by 90 degrees.
_GREY = _in_rgb([[1, 0, 0], [0, 0, 0], [0, 0, 0]])
_COLOUR = _in_rgb([[0, 0, 0], [0, 1, 0], [0, 0, 1]])
_TURNED = _in_rgb([[0, 0, 0], [0, 0, -1], [0, 1, 0]])


def change_colour(
    images: tf.Tensor,
    brightness: tf.Tensor,
    contrast: tf.Tensor,
    saturation: tf.Tensor,
    turn: tf.Tensor,
    gains: tf.Tensor,
) -> tf.Tensor:
    """rgb -> gains (M rgb + offset), clipped: brightness to hue, then the cast.

    A rotation in YIQ stands for the turn of the hue: linear, and several times
    cheaper than the way through HSV. M = brightness * contrast * T with
    T = inverse(YIQ) diag(1, R(turn) * saturation) YIQ, which keeps the luminance,
    so contrast can pivot on the mean luminance of the untouched image.

    Args:
        images: float32 [n, H, W, 3], RGB in 0..255, H and W static.
        brightness: float32 [n], factor.
        contrast: float32 [n], factor of the distance to the mean luminance.
        saturation: float32 [n], factor of the distance to grey.
        turn: float32 [n], of the hue, share of the full circle.
        gains: float32 [n, 3], factors of red, green and blue.

    Returns:
        float32 [n, H, W, 3], RGB in 0..255.
    """
    angle = 2 * math.pi * turn
    cosine, sine = saturation * tf.cos(angle), saturation * tf.sin(angle)
    matrix = _GREY + _matrices(cosine) * _COLOUR + _matrices(sine) * _TURNED
    matrix *= _matrices(brightness * contrast) * gains[:, :, tf.newaxis]
    mean = tf.reduce_mean(images, axis=(1, 2)) * _LUMINANCE
    mean = tf.reduce_sum(mean, axis=-1, keepdims=True)
    offset = (brightness * (1 - contrast))[:, tf.newaxis] * mean * gains
    height, width = images.shape[1:3]
    pixels = tf.reshape(images, (-1, height * width, 3))
    changed = tf.matmul(pixels, matrix, transpose_b=True)
    # Rows of 3 W numbers: an offset that is spread over a last axis of 3 takes four
    # times as long on a CPU.
    lines = tf.reshape(changed, (-1, height, 3 * width))
    lines += tf.tile(offset, (1, width))[:, tf.newaxis]
    return tf.reshape(tf.clip_by_value(lines, 0.0, 255.0), tf.shape(images))


def _matrices(values):
    return values[:, tf.newaxis, tf.newaxis]
