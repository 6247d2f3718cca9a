"""Real launches, each in a process of its own; all others run in the tests'."""

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


def test_who_imports_the_launchers_keeps_the_process():
    code = (
        "import os, sys\n"
        "def state():\n"
        "    return (dict(os.environ), list(sys.meta_path), sys.excepthook)\n"
        "before = state()\n"
        "import experiments, experiments.flags\n"
        "assert 'tensorflow' in sys.modules\n"  # Which may set what it needs itself.
        "changed = {k for k, v in os.environ.items() if before[0].get(k) != v}\n"
        "assert not changed & {'KERAS_BACKEND', 'TF_CPP_MIN_LOG_LEVEL'}, changed\n"
        "assert sys.excepthook is before[2]\n"
    )
    quiet = "TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND"
    env = {k: v for k, v in os.environ.items() if k not in quiet}
    process = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
