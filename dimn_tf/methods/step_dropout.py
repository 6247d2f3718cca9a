"""Dropout that is a function of the seed and the step."""

import tensorflow as tf

from dimn_tf.methods import replica_context


def mask(batch, shape, rate: float, seed: int, step) -> tf.Tensor:
    """0 or 1 / (1 - rate) for each number of each image.

    It is drawn for the whole batch, so that a replica's rows do not depend on how many
    there are.

    Args:
        batch: This replica's; see `base.Method`.
        shape: Of what is dropped of an image, static.
        rate: How much of it is dropped, 0..1 and less than 1.
        seed: One of its own for each use.
        step: Scalar, of the whole run.

    Returns:
        float32 [n, *shape], in the order of `base.image_by_image`.
    """
    labels = batch["labels"]
    each = tf.shape(batch["images"])[1]
    replicas, replica = replica_context.replica_of()
    count = tf.shape(labels)[0]
    drawn = tf.random.stateless_uniform(
        tf.concat([[count * replicas, each], shape], 0),
        tf.stack([seed, tf.cast(step, tf.int32)]),
    )
    own = drawn[replica * count : (replica + 1) * count]
    axes = range(2, 2 + len(shape))
    own = tf.reshape(tf.transpose(own, (1, 0, *axes)), (-1, *shape))
    return tf.cast(own >= rate, tf.float32) / (1.0 - rate)
