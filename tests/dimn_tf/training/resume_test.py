"""A killed run that goes on equals one that was never interrupted, bit for bit."""

import pytest
from tensorflow.python.framework import config as tensorflow_config

from dimn_tf import methods
from dimn_tf.training import training_log
from tests.dimn_tf.training import tiny_run


@pytest.fixture
def deterministic():
    """What `--deterministic` does, undone afterwards (by what TensorFlow hides)."""
    tensorflow_config.enable_op_determinism()
    yield
    tensorflow_config.disable_op_determinism()
