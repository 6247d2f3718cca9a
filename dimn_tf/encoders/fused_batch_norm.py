"""Batch normalisation on TensorFlow's fused kernel."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="dimn_tf")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` computed by one fused kernel.

    Keras 3 composes batch normalisation of elementary operations, each a pass
    over the activations; the fused kernel reads them twice. The variables, their
    names, their order and the results are those of the parent class, so weights
    load either way. Input: [n, h, w, c], float32 or a half type (the statistics
    are float32 always); `axis` is the last one.

    The kernel returns the unbiased variance (n / (n - 1)) for the moving average
    where Keras keeps the biased one: it is scaled back, so that both layers
    evaluate alike. Under `tf.distribute`, each replica uses the statistics of its
    own share of the batch, and the moving averages take the replicas' mean (Keras'
    own take each replica's, and keep the first one's).

    Reference: Ioffe and Szegedy, "Batch Normalization", 2015.
    """

    def build(self, input_shape):
        """Checks that the kernel fits, and makes the parent's variables."""
        if len(input_shape) != 4 or self.axis not in (-1, 3):
            raise ValueError(
                "FusedBatchNormalization needs [n, h, w, c] inputs and axis=-1; got "
                f"input shape {tuple(input_shape)} and axis={self.axis}."
            )
        if not self.scale or self.renorm or self.synchronized:
            raise ValueError(
                "FusedBatchNormalization needs scale=True, renorm=False and "
                "synchronized=False; use keras.layers.BatchNormalization otherwise."
            )
        super().build(input_shape)

    def call(self, inputs, training=None, mask=None):
        """Normalised inputs, of their shape and dtype."""
        if mask is not None:
            raise ValueError("FusedBatchNormalization takes no mask.")
        inputs = tf.convert_to_tensor(inputs)
        gamma = tf.convert_to_tensor(self.gamma)
        beta = tf.convert_to_tensor(self.beta) if self.center else gamma * 0.0
        mean = tf.convert_to_tensor(self.moving_mean)
        variance = tf.convert_to_tensor(self.moving_variance)
        if not (training and self.trainable):
            outputs = tf.raw_ops.FusedBatchNormV3(
                x=inputs,
                scale=gamma,
                offset=beta,
                mean=mean,
                variance=variance,
                epsilon=self.epsilon,
                is_training=False,
            )
            return outputs.y
        none = tf.zeros([0], tf.float32)
        outputs = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=gamma,
            offset=beta,
            mean=none,
            variance=none,
            epsilon=self.epsilon,
            is_training=True,
        )
        shape = tf.shape(inputs)
        count = tf.cast(shape[0] * shape[1] * shape[2], tf.float32)
        # A single value has no unbiased variance; the kernel returns 0 for it.
        biased = outputs.batch_variance * ((count - 1.0) / count)
        new_mean, new_variance = _replicas_mean(outputs.batch_mean, biased)
        keep = self.momentum
        self.moving_mean.assign(mean * keep + new_mean * (1.0 - keep))
        self.moving_variance.assign(variance * keep + new_variance * (1.0 - keep))
        return outputs.y


def _replicas_mean(*statistics):
    """Means over the replicas, without which each would keep averages of its own.

    (Keras makes the moving averages without an aggregation: a checkpoint would hold
    the first replica's, and no two machines the same.)
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return statistics
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, list(statistics))


def fuse_batch_norm(model: keras.Model, momentum: float | None = None) -> keras.Model:
    """Rebuilds a functional model with its batch norms on the fused kernel.

    Args:
        model: A functional `keras.Model`; left as it is. Weights are not copied.
        momentum: Batch-norm momentum of the new model, 0..1 (the share of the old
            average kept each step); None keeps each layer's own.

    Returns:
        A new model: same layers, names, and order of weights.
    """

    def clone(layer):
        config = layer.get_config()
        if type(layer) is not keras.layers.BatchNormalization:
            return type(layer).from_config(config)
        if momentum is not None:
            config["momentum"] = momentum
        return FusedBatchNormalization.from_config(config)

    return keras.models.clone_model(model, clone_function=clone)
