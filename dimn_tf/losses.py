"""The paper's losses, Eq. 1, 4, 6, 7 and 8, as pure functions.

Shapes: B probes, one of each of the batch's identities (C_b in the paper; B is
smaller than C_b on one of several replicas), C identities in all, D features.
Every loss is a sum over the batch, as printed, in float32.
"""

import tensorflow as tf


def cross_entropy(logits, labels, label_smoothing: float = 0.0):
    """Softmax cross entropy, one value a row.

    Args:
        logits: [B, C], any float type; the softmax is taken in float32.
        labels: [B] int, 0..C-1.
        label_smoothing: Share of the target probability spread evenly over all C
            identities, 0..1 (Szegedy et al., CVPR 2016); the paper has none.

    Returns:
        [B] float32, >= 0.
    """
    logits = tf.cast(logits, tf.float32)
    log_probabilities = tf.nn.log_softmax(logits)
    at_label = tf.gather(log_probabilities, labels, batch_dims=1)
    if not label_smoothing:
        return -at_label
    evenly = tf.reduce_mean(log_probabilities, axis=-1)
    return -((1.0 - label_smoothing) * at_label + label_smoothing * evenly)


def identification_loss(logits, labels, label_smoothing: float = 0.0):
    """L_id (Eq. 1): sum_i CE(l_i, softmax(f_theta(g(x_i)))).

    Args:
        logits: [B, C], the classifier's, of the probe branch.
        labels: [B] int, in the full label space.
        label_smoothing: See `cross_entropy`.

    Returns:
        Scalar float32.
    """
    return tf.reduce_sum(cross_entropy(logits, labels, label_smoothing))


def matching_loss(online_logits, labels, label_smoothing: float = 0.0):
    """L_mat (Eq. 4): sum_i CE(y_i, softmax(What^T g(x_i))).

    Args:
        online_logits: [B, C], of the probes against the online memory.
        labels: [B] int, in the full label space.
        label_smoothing: See `cross_entropy`.

    Returns:
        Scalar float32.
    """
    return tf.reduce_sum(cross_entropy(online_logits, labels, label_smoothing))


def regularisation_loss(memory_columns, predicted_classifiers):
    """L_reg (Eq. 6): sum_j || W[:, L(j)] - that_j ||^2.

    Args:
        memory_columns: [B, D], the target memory's, of the batch's identities.
        predicted_classifiers: [B, D], of the same identities.

    Returns:
        Scalar float32.
    """
    difference = tf.cast(memory_columns, tf.float32) - tf.cast(
        predicted_classifiers, tf.float32
    )
    return tf.reduce_sum(tf.square(difference))


def logit_triplet_loss(online_logits, labels, margin: float):
    """L_tri (Eq. 7): sum_i max(0, margin + max_{j' != i} S(x_i, j') - S(x_i, x~_i)).

    S are the probabilities of Eq. 4; the hardest negative is taken over all C
    columns of the online memory.

    Args:
        online_logits: [B, C], of the probes against the online memory.
        labels: [B] int, in the full label space.
        margin: Delta, in probability (paper: 0.8).

    Returns:
        Scalar float32.
    """
    probabilities = tf.nn.softmax(tf.cast(online_logits, tf.float32))
    positive = tf.gather(probabilities, labels, batch_dims=1)
    is_positive = tf.one_hot(
        labels,
        tf.shape(probabilities)[1],
        on_value=True,
        off_value=False,
        dtype=tf.bool,
    )
    hardest = tf.reduce_max(
        tf.where(is_positive, tf.zeros_like(probabilities), probabilities), axis=-1
    )
    return tf.reduce_sum(tf.nn.relu(margin + hardest - positive))


def full_loss(
    identification,
    matching,
    regularisation,
    logit_triplet,
    matching_weight: float,
    regularisation_weight: float,
    triplet_weight: float,
):
    """L_full (Eq. 8) = L_id + lambda_1 L_mat + lambda_2 L_reg + lambda_3 L_tri.

    Args:
        identification: L_id, scalar.
        matching: L_mat, scalar.
        regularisation: L_reg, scalar.
        logit_triplet: L_tri, scalar.
        matching_weight: lambda_1 (paper: 1).
        regularisation_weight: lambda_2 (paper: 0.01).
        triplet_weight: lambda_3 (paper: 1).

    Returns:
        Scalar float32.
    """
    return (
        identification
        + matching_weight * matching
        + regularisation_weight * regularisation
        + triplet_weight * logit_triplet
    )
