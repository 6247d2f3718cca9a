"""Two logical CPU devices train as one does (tf.distribute)."""

import json
import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["dimn", "aggregation"])
def test_two_replicas_equal_one(name):
    # A process of its own: devices are split before TensorFlow starts.
    process = subprocess.run(
        [sys.executable, "-m", "tests.dimn_tf.methods.two_devices", name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    found = json.loads(process.stdout.splitlines()[-1])
    assert found["replicas"] == 2
    assert found["moved"] > 1e-3  # Every variable was trained or updated.
    assert found["difference"] < 2e-5
    assert found["two"] == pytest.approx(found["one"], rel=1e-4)
