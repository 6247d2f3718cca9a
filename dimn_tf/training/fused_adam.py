"""Adam by one fused kernel a variable."""

import keras
import tensorflow as tf


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

    Of a variable that `count_from` names, t counts from that step on.

    Reference: Kingma and Ba, "Adam", ICLR 2015.
    """

    def __init__(self, learning_rate=0.001, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self._counted_from: dict[int, int] = {}

    def count_from(self, variable, step: int) -> None:
        """Has t be 1 in a step: the first that updates the variable.

        Its moments are 0 until then, and the correction by t is for that: by the steps
        of the whole run its first updates would be three to six times as long.

        Args:
            variable: Of those that the optimiser was built with.
            step: 0, 1, ... of the whole run; a second one of a variable is passed over.
        """
        self._counted_from.setdefault(self._get_variable_index(variable), step)

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable; see `keras.optimizers.Optimizer`."""
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        done = self.iterations - self._counted_from.get(index, 0)
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
