"""Encoded image -> float array; the one way, in training, test and export."""

import tensorflow as tf


def decode_and_resize(
    encoded: tf.Tensor, height: int, width: int, antialias: bool = True
) -> tf.Tensor:
    """Decodes an image file and brings it to the size that the encoder takes.

    Resizing is bilinear and keeps no aspect ratio: a person's box fills the frame.

    Args:
        encoded: string scalar, the bytes of a JPEG, PNG, BMP or GIF file; grey
            images become RGB, an alpha channel is dropped.
        height: rows of the result, in pixels.
        width: columns of the result, in pixels.
        antialias: whether shrinking averages over the pixels that fall together.

    Returns:
        float32 [height, width, 3], RGB in 0..255.
    """
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    image = tf.image.resize(image, (height, width), antialias=antialias)
    return tf.ensure_shape(image, (height, width, 3))
