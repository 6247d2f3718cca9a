"""Images as a camera further away would have seen them: shrunk and blown up again."""

import tensorflow as tf


def lower_resolution(
    images: tf.Tensor, struck: tf.Tensor, scale: tf.Tensor
) -> tf.Tensor:
    """Shrinks images with antialiasing and brings them back to their size.

    What `tf.image.resize(antialias=True)` and then `tf.image.resize` do, each image
    by a scale of its own: both are linear in the rows and in the columns, so that
    two matrices an image do both ways at once.

    Args:
        images: uint8 or float32 [n, H, W, 3], H and W static.
        struck: bool [n], which images are changed.
        scale: float32 [n] in 0..1; the small size is rounded up.

    Returns:
        float32 [n, H, W, 3], in the range of the images.
    """
    images = tf.cast(images, tf.float32)
    height, width = images.shape[1:3]
    rows = _there_and_back(height, scale)
    columns = _there_and_back(width, scale)
    changed = tf.matmul(rows, tf.reshape(images, (-1, height, width * 3)))
    changed = tf.reshape(changed, (-1, height, width, 3))
    changed = tf.einsum("nvw,nhwc->nhvc", columns, changed)
    flat = (-1, height * width * 3)
    chosen = tf.where(
        struck[:, tf.newaxis], tf.reshape(changed, flat), tf.reshape(images, flat)
    )
    return tf.reshape(chosen, tf.shape(images))


def _there_and_back(size: int, scale: tf.Tensor) -> tf.Tensor:
    """The way to the small size and back along one axis: [n] -> [n, size, size]."""
    small = tf.math.ceil(scale * size)
    whole = tf.fill(tf.shape(small), float(size))
    # The small image has `size` places too; those past its end count nothing.
    return tf.matmul(
        _triangle_weights(small, whole, size), _triangle_weights(whole, small, size)
    )


def _triangle_weights(source, target, places: int) -> tf.Tensor:
    """Weights of resizing [n] pixels to [n] pixels: [n, target, source].

    The rule of TensorFlow's ScaleAndTranslate: pixel i has its centre at i + 0.5, the
    triangle is as wide as two pixels of the coarser grid, and the weights that fall
    on the source add up to one.
    """
    source, target = (size[:, tf.newaxis, tf.newaxis] for size in (source, target))
    centres = tf.range(places, dtype=tf.float32) + 0.5
    step = source / target
    distance = tf.abs(centres - centres[:, tf.newaxis] * step) / tf.maximum(step, 1.0)
    weights = tf.where(centres < source, tf.maximum(1.0 - distance, 0.0), 0.0)
    return tf.math.divide_no_nan(
        weights, tf.reduce_sum(weights, axis=-1, keepdims=True)
    )
