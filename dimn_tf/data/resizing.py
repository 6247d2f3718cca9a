"""Encoded image -> float array; the one way, in training, test and export."""

import tensorflow as tf


def decode_and_resize(encoded: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Decodes an image file and brings it to the size that the encoder takes.

    Ours, as the paper is silent: resizing is bilinear, keeps no aspect ratio (a
    person's box fills the frame) and averages over the pixels that fall together
    where it shrinks (antialiasing), so that a large crop does not sparkle.

    Args:
        encoded: string scalar, the bytes of a JPEG, PNG, BMP or GIF file; grey
            images become RGB, an alpha channel is dropped.
        height: rows of the result, in pixels.
        width: columns of the result, in pixels.

    Returns:
        float32 [height, width, 3], RGB in 0..255.
    """
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    shape = tf.shape(image)
    # Antialiasing changes nothing where an image grows, but its kernel takes several
    # times as long as the plain one.
    image = tf.cond(
        (shape[0] > height) | (shape[1] > width),
        lambda: tf.image.resize(image, (height, width), antialias=True),
        lambda: tf.image.resize(image, (height, width)),
    )
    return tf.ensure_shape(image, (height, width, 3))
