"""A killed run that goes on equals one that was never interrupted, bit for bit."""

import subprocess
import sys

import numpy as np
import pytest

from dimn_tf.training import callbacks

# Encoder 6, classifier 1, step 1; DIMN adds mapping and memory bank. Optimiser: step
# and two moments of each trainable variable.
VARIABLES = {"dimn": 10 + 1 + 12, "aggregation": 8 + 1 + 10}


def _run(directory, kill_after, method):
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.dimn_tf.training.tiny_run",
            str(directory),
            str(kill_after),
            method,
        ],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("method", ["dimn", "aggregation"])
def test_five_and_five_steps_with_a_kill_equal_ten(tmp_path, method):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = _run(whole, 99, method)
    assert process.returncode == 0, process.stderr[-3000:]
    # Killed two steps after the checkpoint of step 5: those two are done again.
    process = _run(killed, 7, method)
    assert process.returncode == -9
    assert not (killed / "variables.npz").exists()
    assert len(callbacks.read_training_log(killed / "training_log.csv")) == 3
    process = _run(killed, 99, method)
    assert process.returncode == 0, process.stderr[-3000:]
    assert "Going on from" in process.stdout
    assert "step 5 of 10" in process.stdout
    with np.load(whole / "variables.npz") as a, np.load(killed / "variables.npz") as b:
        assert len(a.files) == len(b.files) == VARIABLES[method]
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    rows = [
        callbacks.read_training_log(d / "training_log.csv") for d in (whole, killed)
    ]
    assert [row["step"] for row in rows[1]] == [2, 4, 6, 8, 10]
    timed = "images_per_second"
    for a, b in zip(*rows, strict=True):
        # Step 6 of the resumed run averages one step, not two.
        if a["step"] != 6:
            assert {k: v for k, v in a.items() if k != timed} == {
                k: v for k, v in b.items() if k != timed
            }
