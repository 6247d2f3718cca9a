"""The memory bank W: one classifier for each training identity."""

import keras
import tensorflow as tf

# Keras publishes `StatelessScope` and nothing that tells whether one is open.
from keras.src.backend.common import stateless_scope

INITIALISERS = ("zeros", "random")


class MemoryBank(keras.layers.Layer):
    """W, the target memory, and What, the online memory (Eq. 3 and 5).

    With L(j) the label of the batch's j-th identity and that_j its predicted
    classifier, one step of the paper is

        What <- W;  What[:, L(j)] <- that_j                          (Eq. 3)
        p = What^T g(x)                                              (in Eq. 4)
        W <- (1 - alpha) W + alpha What, columns l2-normalised       (Eq. 5)

    What is never made. Its logits are those of W with the batch's columns replaced
    (`online_logits`), and Eq. 5 moves only the batch's columns, since What = W in
    all others (`update`): W[:, L(j)] <- unit((1 - alpha) W[:, L(j)] + alpha that_j).
    No gradient reaches W; gradients do flow through the replaced columns.

    The variable is stored transposed, [C, D], so that an identity's classifier is
    one contiguous row: reading and writing a batch touches C_b rows only. At C in
    the millions the [B, C] logits and W itself are what must be sharded over
    devices (4 GB of float32 a million identities at D = 1,024); the rows make that a
    split of the first axis.

    Args:
        num_identities: C.
        feature_dimension: D.
        running_average: alpha in 0..1, the share of the new classifier (paper: 0.5;
            1 overwrites, the ablation "without running average").
        initialiser: W before the first step, which the paper does not give:
            "zeros" (an identity not seen yet has the logit 0) or "random" (unit
            columns drawn from the sphere).
        seed: Of the "random" start.
    """

    def __init__(
        self,
        num_identities: int,
        feature_dimension: int,
        running_average: float = 0.5,
        initialiser: str = "zeros",
        seed: int = 0,
        name: str = "memory_bank",
    ):
        super().__init__(name=name, dtype="float32")
        if initialiser not in INITIALISERS:
            raise ValueError(
                f"initialiser must be one of {INITIALISERS}; got {initialiser!r}."
            )
        if not 0.0 <= running_average <= 1.0:
            raise ValueError(
                f"running_average must be within 0..1; got {running_average}."
            )
        self.num_identities = num_identities
        self.feature_dimension = feature_dimension
        self.running_average = running_average
        self.classifiers = self.add_weight(
            name="classifiers",
            shape=(num_identities, feature_dimension),
            initializer=_initialiser(initialiser, seed),
            trainable=False,
            # Every replica computes the same update from the gathered batch.
            aggregation="only_first_replica",
        )
        self.built = True

    def columns(self, labels):
        """W[:, L(j)] of the batch's identities: [n] int -> [n, D] float32."""
        return tf.stop_gradient(tf.gather(self.classifiers.value, labels))

    def online_logits(self, probe_features, labels, predicted_classifiers, scale=1.0):
        """What^T g(x), with What of Eq. 3.

        Args:
            probe_features: [B, D], g(x) of the probes.
            labels: [C_b] int, distinct, of the predicted classifiers.
            predicted_classifiers: [C_b, D], that_j.
            scale: Multiplies the logits (paper: none, 1).

        Returns:
            [B, C] float32.
        """
        probes = tf.cast(probe_features, tf.float32) * scale
        predicted = tf.cast(predicted_classifiers, tf.float32)
        target = tf.stop_gradient(tf.convert_to_tensor(self.classifiers.value))
        logits = tf.matmul(target, probes, transpose_b=True)
        replaced = tf.matmul(predicted, probes, transpose_b=True)
        logits = tf.tensor_scatter_nd_update(logits, labels[:, tf.newaxis], replaced)
        return tf.transpose(logits)

    def update(self, labels, predicted_classifiers):
        """Eq. 5 on the batch's columns, in place.

        Args:
            labels: [C_b] int, distinct.
            predicted_classifiers: [C_b, D].
        """
        predicted = tf.stop_gradient(tf.cast(predicted_classifiers, tf.float32))
        kept = self.columns(labels)
        moved = (1.0 - self.running_average) * kept + self.running_average * predicted
        # The rule of l2_normalize leaves a zero vector zero.
        unit = tf.math.l2_normalize(moved, axis=-1)
        if stateless_scope.in_stateless_scope():
            # An inner step (`stateless_call`) must leave W as it is: Keras collects the
            # new value, a copy, where an update in place would escape.
            old = tf.convert_to_tensor(self.classifiers.value)
            self.classifiers.assign(
                tf.tensor_scatter_nd_update(old, labels[:, tf.newaxis], unit)
            )
            return
        self.classifiers.value.scatter_update(
            tf.IndexedSlices(unit, tf.cast(labels, tf.int64))
        )


def _initialiser(name: str, seed: int):
    if name == "zeros":
        return "zeros"

    def unit_columns(shape, dtype):
        normal = keras.random.normal(shape, dtype=dtype, seed=seed)
        return tf.math.l2_normalize(normal, axis=-1)

    return unit_columns
