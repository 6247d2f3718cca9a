"""Squared Euclidean distances of all pairs."""

import tensorflow as tf


def of_pairs(a, b):
    """|a_i - b_j|^2, by |a|^2 - 2 a.b + |b|^2, whose rounding may make it negative.

    Args:
        a: float32 [..., n, D].
        b: float32 [..., m, D].

    Returns:
        float32 [..., n, m].
    """
    return (
        tf.reduce_sum(tf.square(a), axis=-1)[..., tf.newaxis]
        - 2.0 * tf.matmul(a, b, transpose_b=True)
        + tf.reduce_sum(tf.square(b), axis=-1)[..., tf.newaxis, :]
    )
