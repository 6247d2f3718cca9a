"""Horizontal parts of a feature map: stripes, or windows that overlap."""

from collections.abc import Sequence

import tensorflow as tf

from dimn_tf import errors


def windows(height: int, parts: int) -> list[tuple[int, int]]:
    """First row and the one behind the last of each part: stripes, or windows.

    The official code's: windows of h - (p - 1) s rows at a stride of s = h // p.

    Raises:
        errors.UserError: a map of fewer rows than parts.
    """
    if height < parts:
        raise errors.UserError(
            f"--pcb_parts={parts}: the encoder's feature map has {height} rows, "
            "expected at least one a part. Give --encoder_stride=16, a greater "
            "--image_height or fewer parts."
        )
    stride = height // parts
    rows = height - (parts - 1) * stride
    return [(i * stride, i * stride + rows) for i in range(parts)]


def means(maps, parts: Sequence[tuple[int, int]]):
    """g_1 .. g_p, the mean of each part's places.

    Args:
        maps: [n, h, w, D].
        parts: As `windows` gives them.

    Returns:
        float32 [n, p, D].
    """
    rows = tf.reduce_mean(tf.cast(maps, tf.float32), axis=2)
    return tf.stack([tf.reduce_mean(rows[:, a:b], axis=1) for a, b in parts], axis=1)
