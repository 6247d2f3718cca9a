"""What a launcher that runs a model sets of TensorFlow, for its whole process."""

import os

import tensorflow as tf


def prepare(deterministic: bool = False) -> None:
    """Lets GPU memory grow on demand, and makes operations repeatable where asked.

    float32 is float32: TensorFlow's default has GPUs round the factors of products to
    TF32 (10 bits), so that a figure would hang on the device; `--precision` has the
    faster ones. Processes that are started from here (Beam's, Ray's) inherit how memory
    is taken.

    Args:
        deterministic: Whether every operation gives the same bits each time.
    """
    tf.config.experimental.enable_tensor_float_32_execution(False)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    for gpu in tf.config.list_physical_devices("GPU"):
        # Else the first process takes all the memory of every GPU.
        tf.config.experimental.set_memory_growth(gpu, True)
