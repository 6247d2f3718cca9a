"""A random order that a resumed run draws again."""

import tensorflow as tf


def of_seed(count: int, seed) -> tf.Tensor:
    """0, ..., count - 1 in an order that is a pure function of a seed.

    Args:
        count: How many.
        seed: int32 [2].

    Returns:
        int32 [count].
    """
    return tf.argsort(tf.random.stateless_uniform([count], seed))
