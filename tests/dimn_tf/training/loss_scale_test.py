"""Scaled losses: what is left out, on one device and on two."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from dimn_tf.training import fused_adam, loss_scale


def test_a_step_that_overflows_moves_nothing_and_counts():
    weight = keras.Variable(np.ones(3, "float32"))
    optimizer = loss_scale.SharedLossScale(fused_adam.FusedAdam(0.1), 256.0)
    optimizer.build([weight])
    optimizer.apply_gradients([(np.array([1.0, np.inf, 1.0], "float32"), weight)])
    np.testing.assert_array_equal(weight.numpy(), 1.0)
    assert float(optimizer.dynamic_scale) == 128.0
    assert int(optimizer.iterations) == 1
    optimizer.apply_gradients([(np.full(3, 128.0, "float32"), weight)])
    assert int(optimizer.iterations) == 2 and (weight.numpy() < 1.0).all()
    assert float(optimizer.dynamic_scale) == 128.0


@pytest.fixture(scope="module")
def on_two_devices():
    """What a step did, by the replica whose gradient was infinite (none: -1)."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.dimn_tf.training.loss_scale_devices"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("poisoned", [0, 1])
def test_any_replicas_overflow_leaves_the_step_out(on_two_devices, poisoned):
    told = on_two_devices[str(poisoned)]
    assert told["weights"] == [[1.0, 1.0, 1.0]] * 2
    assert told["scale"] == [128.0] * 2 and told["iterations"] == [1] * 2


def test_without_one_the_step_is_done_alike(on_two_devices):
    told = on_two_devices["-1"]
    assert told["weights"][0] == told["weights"][1]
    np.testing.assert_allclose(told["weights"][0], 0.9, rtol=1e-5)  # Adam's first step.
    assert told["scale"] == [256.0] * 2 and told["iterations"] == [1] * 2
