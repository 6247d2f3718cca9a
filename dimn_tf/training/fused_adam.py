"""Adam by one fused kernel a variable."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from dimn_tf.training import schedule


@keras.saving.register_keras_serializable(package="dimn_tf")
class FusedAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` whose update is TensorFlow's fused kernel.

    Keras 3 composes the update of elementary operations, each a pass over memory;
    with C identities the classifier alone has D * C weights (33 million in the
    paper), so the update costs as much as a good part of the encoder. The kernel
    passes once. State, names and results (to rounding) are the parent's:

        m <- m + (1 - beta_1) (g - m)
        v <- v + (1 - beta_2) (g^2 - v)
        w <- w - rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    t counts from 1 in each of several `stretches`, each of which updates variables of
    its own: their moments are 0 when it begins, and the correction by t is for that.

    Args:
        learning_rate: See `keras.optimizers.Adam`.
        stretches: Steps of each, see `Method.learning_rate_stretches`; none is one.
        **kwargs: See `keras.optimizers.Adam`.

    Reference: Kingma and Ba, "Adam", ICLR 2015.
    """

    def __init__(self, learning_rate=0.001, stretches: Sequence[int] = (), **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.stretches = tuple(stretches)

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "stretches": self.stretches}

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable; see `keras.optimizers.Optimizer`."""
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            if len(self.stretches) > 1:
                raise ValueError(
                    "FusedAdam of several stretches takes neither amsgrad nor sparse "
                    f"gradients; of {variable.name} it got one."
                )
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        done = schedule.since_stretch_began(
            tf.convert_to_tensor(self.iterations), self.stretches
        )
        step = tf.cast(done + 1, variable.dtype)
        beta_1 = tf.cast(self.beta_1, variable.dtype)
        beta_2 = tf.cast(self.beta_2, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(self.epsilon, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
            use_locking=False,
        )


def _handle(variable):
    """The resource of a Keras or TensorFlow variable, on the device at hand."""
    if isinstance(variable, keras.Variable):
        variable = variable.value
    return variable.handle
