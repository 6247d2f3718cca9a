"""The batch-hard triplet loss of features, over the batches of all replicas."""

import tensorflow as tf

from dimn_tf import errors
from dimn_tf.methods import replica_context, squared_distances

SMALLEST_SQUARE = 1e-12  # A distance of zero has no gradient of its root.


def refuse_single_images(data) -> None:
    """Refuses batches of one image an identity, whose furthest one is itself.

    Args:
        data: The run's `training.options.DataOptions`.
    """
    if data.images_per_identity < 2:
        raise errors.UserError(
            f"--images_per_identity={data.images_per_identity}: the triplet loss of "
            "features needs at least 2 images of each identity. Leave the flag out."
        )


def loss(features, labels, margin: float):
    """sum_a max(0, margin + d(a, furthest of its identity) - d(a, nearest of another)).

    Args:
        features: float32 [n, D], this replica's; candidates are all replicas'.
        labels: int32 [n].
        margin: In the features' unit.

    Returns:
        Scalar float32, and the places of the two in all replicas' rows, int64 [n].

    Reference: Hermans et al., "In Defense of the Triplet Loss for Person
        Re-Identification", 2017, Eq. 5.
    """
    all_labels, candidates = (
        replica_context.all_rows(labels),
        replica_context.all_rows(features),
    )
    positive, negative = hardest(features, labels, candidates, all_labels)
    found = triplet_loss(
        distance(features, tf.gather(candidates, positive)),
        distance(features, tf.gather(candidates, negative)),
        margin,
    )
    return found, positive, negative


def hardest(features, labels, candidates, candidate_labels):
    """The furthest image of each one's identity and the nearest one of another.

    Args:
        features: [n, D].
        labels: [n].
        candidates: [N, D], of the whole batch, the features among them.
        candidate_labels: [N].

    Returns:
        Two of int64 [n], places in the candidates.
    """
    squared = squared_distances.of_pairs(features, candidates)
    same = labels[:, tf.newaxis] == candidate_labels[tf.newaxis, :]
    furthest = tf.argmax(tf.where(same, squared, -squared.dtype.max), axis=1)
    nearest = tf.argmin(tf.where(same, squared.dtype.max, squared), axis=1)
    return furthest, nearest


def distance(a, b):
    """Euclidean, pair by pair: [n, D], [n, D] -> [n] float32."""
    squares = tf.reduce_sum(tf.square(a - b), axis=-1)
    return tf.sqrt(tf.maximum(squares, SMALLEST_SQUARE))


def triplet_loss(positive, negative, margin: float):
    """sum_a max(0, margin + d(a, p) - d(a, n)), scalar."""
    return tf.reduce_sum(tf.nn.relu(margin + positive - negative))
