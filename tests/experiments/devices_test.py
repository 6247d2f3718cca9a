"""What launchers set of TensorFlow."""

import tensorflow as tf

from experiments import devices


def test_float32_is_float32():
    """By TensorFlow's default a GPU would round the factors of products to TF32."""
    tf.config.experimental.enable_tensor_float_32_execution(True)
    devices.prepare()
    assert not tf.config.experimental.tensor_float_32_execution_enabled()
