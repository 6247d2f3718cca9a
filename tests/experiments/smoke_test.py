"""Three real launches, each in a process of its own; all others run in the tests'."""

import os
import subprocess
import sys

import pytest

from tests.experiments import launcher


@pytest.mark.parametrize(
    "module, flag, message",
    [
        ("evaluate", "--workdir={}", "error: --workdir={}: no run here"),
        ("dataset_stats", "--manual_dir={}", "error: 8 of 9 archives are missing"),
        (
            "enroll",
            "--gallery={}/people",
            "error: --model: name the export that the images go through\n",
        ),
    ],
)
def test_a_users_mistake_ends_the_process_with_its_message(
    module, flag, message, tmp_path
):
    # As a user's: nobody asks TensorFlow to be quiet.
    quiet = "TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"
    process = subprocess.run(
        [sys.executable, "-m", f"experiments.{module}", flag.format(tmp_path)],
        cwd=launcher.ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={name: text for name, text in os.environ.items() if name not in quiet},
        stdin=subprocess.DEVNULL,
    )
    assert process.returncode == 1
    # Nothing stands before the message, neither TensorFlow's lines nor a warning.
    assert process.stderr.startswith(message.format(tmp_path))
    if module != "dataset_stats":  # Which then lists the archives.
        assert process.stderr.count("\n") == 1
    assert "Traceback" not in process.stderr
    assert list(tmp_path.iterdir()) == []
