"""Images mirrored, shifted and covered in part, each by its own numbers."""

import tensorflow as tf

# ImageNet's mean colour: what an erased patch shows, so that it says nothing.
ERASED_COLOUR = (123.675, 116.28, 103.53)
FILLS = ("black", "edge")
"""Round a cropped image: black, or its outermost rows and columns again."""


def flip_and_crop(
    images: tf.Tensor,
    flipped: tf.Tensor | None = None,
    top: tf.Tensor | None = None,
    left: tf.Tensor | None = None,
    margin: int = 0,
    fill: str = "black",
) -> tf.Tensor:
    """Mirrors images, then crops the old size out of them with a margin round.

    One look-up of rows and one of columns do both: half the time of a reversed copy
    of all images to choose from, and of a padded one.

    Args:
        images: float32 [n, H, W, 3], H and W static.
        flipped: bool [n], which are mirrored left and right; by default none.
        top: int32 [n], first row of the crop, 0..2 * margin.
        left: int32 [n], first column of the crop, 0..2 * margin.
        margin: Pixels on every side; 0: no crop.
        fill: What the margin shows, one of `FILLS`.

    Returns:
        float32 [n, H, W, 3].
    """
    height, width = images.shape[1:3]
    columns = tf.range(width)[tf.newaxis]
    if margin:
        rows = top[:, tf.newaxis] - margin + tf.range(height)
        columns = left[:, tf.newaxis] - margin + columns
    if flipped is not None:
        columns = tf.where(flipped[:, tf.newaxis], width - 1 - columns, columns)
    if margin and fill == "edge":
        rows = tf.clip_by_value(rows, 0, height - 1)
        columns = tf.clip_by_value(columns, 0, width - 1)
        images = tf.gather(images, rows, axis=1, batch_dims=1)
    elif margin:
        # One black row and column more stand for all that lies outside.
        images = tf.pad(images, ((0, 0), (0, 1), (0, 1), (0, 0)))
        rows = tf.where((rows >= 0) & (rows < height), rows, height)
        columns = tf.where((columns >= 0) & (columns < width), columns, width)
        images = tf.gather(images, rows, axis=1, batch_dims=1)
    return tf.gather(images, columns, axis=2, batch_dims=1)


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
    # Rows of 3 W numbers: a mask that is spread over a last axis of 3 takes four
    # times as long on a CPU.
    within_columns = tf.repeat(_within(left, columns, width), 3, axis=1)
    covered = within_rows[:, :, tf.newaxis] & within_columns[:, tf.newaxis]
    lines = tf.reshape(images, (-1, height, 3 * width))
    changed = tf.where(covered, tf.constant(ERASED_COLOUR * width), lines)
    return tf.reshape(changed, tf.shape(images))


def _within(first, count, size):
    """Which of 0..size-1 lie in ranges of `count`: int32 [n] -> bool [n, size]."""
    places = tf.range(size)
    first = first[:, tf.newaxis]
    return (first <= places) & (places < first + count[:, tf.newaxis])
