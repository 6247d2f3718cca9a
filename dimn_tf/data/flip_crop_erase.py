"""Images mirrored, shifted over black and covered in part, each by its own numbers."""

import tensorflow as tf

# ImageNet's mean colour: what an erased patch shows, so that it says nothing.
ERASED_COLOUR = (123.675, 116.28, 103.53)


def flip(images: tf.Tensor, struck: tf.Tensor) -> tf.Tensor:
    """Mirrors the images that are struck: [n, H, W, 3], bool [n] -> [n, H, W, 3]."""
    struck = struck[:, tf.newaxis, tf.newaxis, tf.newaxis]
    return tf.where(struck, tf.reverse(images, axis=[2]), images)


def crop(images: tf.Tensor, top: tf.Tensor, left: tf.Tensor, margin: int) -> tf.Tensor:
    """Crops of the old size out of the images with a black margin round them.

    Args:
        images: float32 [n, H, W, 3], H and W static.
        top: int32 [n], first row of the crop, 0..2 * margin.
        left: int32 [n], first column of the crop, 0..2 * margin.
        margin: Pixels on every side.

    Returns:
        float32 [n, H, W, 3].
    """
    height, width = images.shape[1:3]
    padded = tf.pad(images, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    rows = top[:, tf.newaxis] + tf.range(height)
    columns = left[:, tf.newaxis] + tf.range(width)
    padded = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(padded, columns, axis=2, batch_dims=1)


def erase(
    images: tf.Tensor,
    struck: tf.Tensor,
    top: tf.Tensor,
    left: tf.Tensor,
    rows: tf.Tensor,
    columns: tf.Tensor,
) -> tf.Tensor:
    """Covers a rectangle of the images that are struck with `ERASED_COLOUR`.

    Args:
        images: float32 [n, H, W, 3], H and W static.
        struck: bool [n].
        top: int32 [n], first row of the rectangle.
        left: int32 [n], its first column.
        rows: int32 [n], its height.
        columns: int32 [n], its width.

    Returns:
        float32 [n, H, W, 3].
    """
    height, width = images.shape[1:3]
    within_rows = _within(top, rows, height) & struck[:, tf.newaxis]
    within_columns = _within(left, columns, width)
    covered = within_rows[:, :, tf.newaxis] & within_columns[:, tf.newaxis]
    return tf.where(covered[..., tf.newaxis], tf.constant(ERASED_COLOUR), images)


def _within(first, count, size):
    """Which of 0..size-1 lie in ranges of `count`: int32 [n] -> bool [n, size]."""
    places = tf.range(size)
    first = first[:, tf.newaxis]
    return (first <= places) & (places < first + count[:, tf.newaxis])
