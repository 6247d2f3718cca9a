"""Three real launches, each in a process of its own; all others run in the tests'."""

import subprocess
import sys

import pytest

from tests.experiments import launcher


@pytest.mark.parametrize(
    "module, flag, message",
    [
        ("evaluate", "--workdir={}", "error: --workdir={}: no run here"),
        ("dataset_stats", "--manual_dir={}", "error: 8 of 9 archives are missing"),
        ("enroll", "--gallery={}/people", "error: --model: name the export"),
    ],
)
def test_a_users_mistake_ends_the_process_with_its_message(
    module, flag, message, tmp_path
):
    process = subprocess.run(
        [sys.executable, "-m", f"experiments.{module}", flag.format(tmp_path)],
        cwd=launcher.ROOT,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert process.returncode == 1
    assert message.format(tmp_path) in process.stderr
    assert "Traceback" not in process.stderr
    assert list(tmp_path.iterdir()) == []
