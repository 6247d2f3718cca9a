"""Whole float32 on GPUs, for as long as vectors are computed that are compared.

A GPU of today rounds the factors of float32 products to TF32 (10 bits) by default.
Scores then differ from another runtime's, and from another machine's, by more than an
export accepts of its formats.
"""

import contextlib
import threading
from collections.abc import Iterator

import tensorflow as tf

_lock = threading.Lock()
_inside, _before = 0, True


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Keeps TF32 off within the block, in any number of threads.

    TensorFlow has one switch for the process. The first thread turns it off, the last
    one puts back what held before; what other threads compute meanwhile is whole
    float32 too, which takes them longer and is no less right.
    """
    _count(1)
    try:
        yield
    finally:
        _count(-1)


def _count(more: int) -> None:
    global _inside, _before
    config = tf.config.experimental
    with _lock:
        if not _inside:
            _before = config.tensor_float_32_execution_enabled()
            config.enable_tensor_float_32_execution(False)
        _inside += more
        if not _inside:
            config.enable_tensor_float_32_execution(_before)
