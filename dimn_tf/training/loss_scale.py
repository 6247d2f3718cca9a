"""Scaled losses in float16: steps whose gradients overflow are left out."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="dimn_tf")
class SharedLossScale(keras.optimizers.LossScaleOptimizer):
    """`keras.optimizers.LossScaleOptimizer` of which all replicas judge a step alike.

    Keras' own takes the gradients for summed already, and asks one replica whether they
    are finite; ours are summed by the inner optimiser, so that another replica's
    infinity would come to the weights. A step counts in `iterations` where it is left
    out too: the learning rate and the phases go by the run's steps. So does Adam's
    correction of its moments' start, which is too small by as many steps as overflow
    among the first of a run (ours; the scale begins low, so that few do).

    Reference: Micikevicius et al., "Mixed Precision Training", ICLR 2018, section 3.2.
    """

    def check_finite(self, grads):
        """Whether no replica's gradients hold an infinity or a NaN: bool scalar."""
        finite = super().check_finite(grads)
        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return finite
        faults = tf.cast(tf.logical_not(finite), tf.float32)
        return context.all_reduce(tf.distribute.ReduceOp.SUM, faults) == 0.0

    def _stateful_handle_non_finite_grads(self):
        super()._stateful_handle_non_finite_grads()
        self.inner_optimizer.iterations.assign_add(1)
