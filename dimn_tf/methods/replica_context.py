"""What a step that runs on several replicas at once shares with the others."""

from collections.abc import Sequence

import tensorflow as tf


def batch_means(sums: dict[str, tf.Tensor], count) -> dict[str, tf.Tensor]:
    """Sums over a replica's batch -> means over the whole batch.

    Args:
        sums: Scalars, each a sum over this replica's `count` rows.
        count: Rows on this replica.

    Returns:
        The same keys, float32 scalars, equal on all replicas.
    """
    values = [tf.cast(count, tf.float32)] + [
        tf.cast(v, tf.float32) for v in sums.values()
    ]
    context = tf.distribute.get_replica_context()
    if context is not None and context.num_replicas_in_sync > 1:
        values = context.all_reduce(tf.distribute.ReduceOp.SUM, values)
    total, *reduced = values
    return {name: value / total for name, value in zip(sums, reduced, strict=True)}


def replica_of() -> tuple[int, int | tf.Tensor]:
    """How many replicas there are, and which of them this is (0, 1, ...)."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return 1, 0
    return context.num_replicas_in_sync, context.replica_id_in_sync_group


def all_rows(value):
    """Joins the replicas' rows, in the replicas' order: [b, ...] -> [B, ...].

    Differentiable: a row's gradient is the sum of all replicas' gradients. A sum in
    which each replica fills its own rows, since `all_gather` fails on workers of one
    device ("destinations can not be empty", TensorFlow 2.21).
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return value
    # Whole numbers travel as float64, which is exact to 2^53 and which all
    # collectives take.
    carried = tf.cast(value, tf.float64) if value.dtype.is_integer else value
    place = tf.one_hot(
        context.replica_id_in_sync_group,
        context.num_replicas_in_sync,
        dtype=carried.dtype,
    )
    rows = tf.tensordot(place, carried, axes=0)
    joined = context.all_reduce(tf.distribute.ReduceOp.SUM, rows)
    shape = tf.concat([[-1], tf.shape(value)[1:]], axis=0)
    return tf.cast(tf.reshape(joined, shape), value.dtype)


def summed(gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Sums over all replicas, differentiable: each then takes the same inner step."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return list(gradients)
    return context.all_reduce(tf.distribute.ReduceOp.SUM, list(gradients))
