"""How a command begins and ends: help, faults in flags, streams, signals."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from experiments import compare_runs, launch
from tests.experiments import launcher

NUMBERS = ("nan", "inf", "-inf", "x", "", "1e999")
COMMANDS = (
    "build_datasets", "calibrate", "compare_runs", "dataset_stats", "demo_summary",
    "draw_trials", "enroll", "evaluate", "evaluate_gallery", "export",
    "extract_images", "fewshot", "search", "serve", "train",
)  # fmt: skip


@pytest.mark.parametrize("module", COMMANDS)
def test_help_lists_the_commands_own_flags_and_exits_with_0(module):
    ended = launcher.run(module, "--help")
    assert ended.returncode == 0 and ended.stderr == ""
    flags = [x.strip() for x in ended.stdout.splitlines() if x.startswith("  --")]
    assert any(x.startswith("--flagfile") for x in flags) and len(flags) > 2
    if module in ("train", "evaluate"):
        for name in ("workdir=PATH", "triplet_margin=NUMBER", "[no]mapping_bias"):
            assert f"--{name}" in flags
    assert "--[no]pdb" not in ended.stdout
    assert "Default: ." not in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) <= 88
    assert launcher.run(module, "--helpfull").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--wokdir=x"], "--wokdir: there is no such flag; did you mean --workdir?"),
        ([], "give --workdir=..."),
        (["--workdir="], "--workdir=: it is empty"),
        (["--workdir"], "--workdir: expected a value"),
        (["--workdir=x", "viper"], "unknown arguments: viper"),
        (["--workdir=x", "--method=dimm"], "--method=dimm: expected one of"),
        (["--workdir=x", "--nodeterministic=maybe"], "nodeterministic"),
        (["--workdir=x", "--deterministic=maybe"], "expected true or false"),
    ],
)
def test_a_fault_in_the_flags_is_one_line(arguments, said):
    ended = launcher.run("train", *arguments)
    assert ended.returncode == 1 and ended.stdout == ""
    assert said in ended.stderr and ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1


def test_a_fault_in_a_flag_file_is_told_with_its_line(tmp_path):
    path = tmp_path / "a.flags"
    for line, said in (
        ("--trian_steps=3", "--trian_steps: there is no such flag; did you mean"),
        ("--train_steps=many", "--train_steps=many: expected a"),
    ):
        path.write_text(f"--seed=1\n{line}\n")
        error = launcher.launch("train", f"--flagfile={path}", code=1)
        assert error.startswith(f"error: {path}, line 2: {said}")
        assert error.count("\n") == 1


def test_no_number_flag_takes_what_is_none(tmp_path):
    listed = launcher.launch("train", "--help")
    names = [x.strip()[2:-7] for x in listed.splitlines() if x.endswith("=NUMBER")]
    assert "learning_rate_start" in names and "train_steps" in names
    for name in names:
        for value in NUMBERS:
            given = f"--workdir={tmp_path / 'run'}", f"--{name}={value}"
            error = launcher.launch("train", *given, code=1)
            assert error.startswith(f"error: --{name}={value}: expected"), error
            assert error.count("\n") == 1
    for name in ("seed", "train_steps"):
        error = launcher.launch("train", "--workdir=x", f"--{name}={10**30}", code=1)
        assert "expected a whole number of at most" in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("text", ["x", "0", "-1", "1.5", "", "٣", "9" * 30])
def test_lists_of_whole_numbers(text, small_export, tmp_path):
    error = launcher.launch(
        "evaluate_gallery",
        f"--model={small_export.folder.parent}",
        f"--gallery={tmp_path / 'none'}",
        f"--false_accepts=100,{text}",
        code=1,
    )
    assert f"--false_accepts=100,{text}: {text!r} is no whole number" in error


def _ended(monkeypatch, fault):
    """Runs a command whose work raises."""

    def work(*_):
        raise fault

    monkeypatch.setattr(compare_runs.bootstrap, "compare", work)
    return launcher.run("compare_runs", "--a=a.json", "--b=b.json")


def test_what_the_system_refuses_is_one_line(monkeypatch):
    fault = OSError(errno.EROFS, "Read-only file system", "/data/x.json")
    ended = _ended(monkeypatch, fault)
    assert ended.returncode == 1
    assert ended.stderr == "error: /data/x.json: Read-only file system\n"


@pytest.mark.parametrize("place", ["taken", "taken/below/it"])
def test_a_file_where_a_folder_is_wanted_is_named(monkeypatch, tmp_path, place):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OSError) as refused:
        os.makedirs(tmp_path / place)
    ended = _ended(monkeypatch, refused.value)
    assert ended.returncode == 1 and ended.stderr.count("\n") == 1
    assert f": {tmp_path}/taken is in the way, which is no folder" in ended.stderr


@pytest.mark.parametrize("fault", [KeyError("x"), OSError("a library's own")])
def test_a_defect_keeps_its_traceback(fault, monkeypatch):
    with pytest.raises(type(fault)):
        _ended(monkeypatch, fault)


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [
        (signal.SIGINT, launch.INTERRUPTED, "interrupted: "),
        (signal.SIGTERM, launch.TERMINATED, "terminated: "),
    ],
)
def test_a_signal_ends_it_with_one_line(number, status, word, monkeypatch):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    # A job in the background ignores it, and so would the tests in one.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(
        compare_runs.bootstrap, "compare", lambda *_: os.kill(os.getpid(), number)
    )
    try:
        ended = launcher.run("compare_runs", "--a=a.json", "--b=b.json")
    finally:
        signal.signal(signal.SIGINT, before[1])
    assert ended.returncode == status
    assert ended.stderr.startswith(word) and ended.stderr.count("\n") == 1
    assert signal.getsignal(signal.SIGTERM) == before[0]


PROGRAM = """
import pathlib, sys
from experiments import launch
def main(_):
    for i in range(20_000):
        print(i)
    print("a word", file=sys.stderr)
    pathlib.Path(sys.argv[1]).write_text("whole")
launch.launch(lambda: None, main, arguments=True)
"""


@pytest.mark.parametrize(
    ("shell", "status", "said"),
    [
        ("{} | head -n 1", 0, "a word\n"),
        ("{} >&-", 0, "a word\n"),
        ("{} 2>&- | tail -n 1", 0, ""),
        ("{} >/dev/full", 1, "a word\nerror: "),
    ],
)
def test_results_are_written_whoever_reads(shell, status, said, tmp_path):
    command = shell.format(f'"{sys.executable}" -c \'{PROGRAM}\' "{tmp_path}/result"')
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=launcher.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (tmp_path / "result").read_text() == "whole"
    assert ended.returncode == status
    assert ended.stderr.startswith(said) and "Traceback" not in ended.stderr
    assert "BrokenPipe" not in ended.stderr
    if status:
        assert "No space left on device" in ended.stderr
