"""Python functions in a tf.data pipeline that let the process end.

tf.data calls Python from threads of its own. One that is inside a call while the
interpreter shuts down is stopped there for good, and the process then waits for it
for ever: a run that stops on an error, with batches still being read ahead, would
hang instead of exiting. Here the last thing that the interpreter does before it
shuts down is to end these pipelines.
"""

import atexit
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf


class _Calls:
    """Counts the calls that are under way, and refuses further ones once closed."""

    def __init__(self):
        self._changed = threading.Condition()
        self._under_way = 0
        self._closed = False

    def __enter__(self) -> bool:
        with self._changed:
            self._under_way += 1
            return not self._closed

    def __exit__(self, *_):
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    def close(self, patience: float = 5.0) -> None:
        """Refuses calls from now on and waits for those under way.

        Args:
            patience: seconds to wait at most, for a disk that does not answer.
        """
        with self._changed:
            self._closed = True
        # A thread that is on its way into a call comes in, is refused and ends its
        # pipeline; one that waits for room in a buffer does not come back at all.
        time.sleep(0.05)
        with self._changed:
            self._changed.wait_for(lambda: not self._under_way, patience)


_calls = _Calls()
atexit.register(lambda: _calls.close())


def python_map(
    dataset: tf.data.Dataset, function: Callable, outputs: Sequence[tf.TensorSpec]
) -> tf.data.Dataset:
    """Maps a function of numpy arrays over a data set, one call at a time, in order.

    Args:
        dataset: of tensors or tuples of tensors.
        function: a pure function, array per tensor -> tuple of arrays; strings are
            arrays of bytes objects.
        outputs: what it returns.

    Returns:
        Data set of tuples of tensors of those shapes; it ends early when the
        process does.
    """

    def guarded(*arrays):
        with _calls as admitted:
            if admitted:
                return (*function(*arrays), True)
        return (*(_nothing(output) for output in outputs), False)

    def call(*tensors):
        kinds = [output.dtype for output in outputs] + [tf.bool]
        # Declared stateful, or tf.data would run several calls at a time.
        *results, admitted = tf.numpy_function(guarded, tensors, kinds, stateful=True)
        admitted.set_shape(())
        return (*results, admitted)

    def strip(*results_and_admitted):
        return tuple(
            tf.ensure_shape(result, output.shape)
            for result, output in zip(results_and_admitted, outputs, strict=False)
        )

    dataset = dataset.map(call).take_while(lambda *results: results[-1])
    return dataset.map(strip)


def _nothing(output: tf.TensorSpec) -> np.ndarray:
    return np.zeros((), "S1" if output.dtype == tf.string else output.dtype.name)
