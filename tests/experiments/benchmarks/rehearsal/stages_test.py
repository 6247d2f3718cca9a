"""A stage tells what its process did and took."""

import os
import signal
import sys

import pytest

from experiments.benchmarks.rehearsal import stages


@pytest.fixture
def run(tmp_path):
    def start(code, kill_when=None, **more):
        return stages.run(
            "stage",
            [sys.executable, "-c", code],
            cwd=tmp_path,
            scratch=tmp_path / "scratch",
            log=tmp_path / "logs" / "stage.txt",
            kill_when=kill_when,
            **more,
        )

    return start


def test_output_and_its_times(run, tmp_path):
    done = run(
        "import sys, time\n"
        "print('one'); time.sleep(.3); print('two', file=sys.stderr); print('one 2')\n"
        "sys.exit(3)"
    )
    assert done.exit_code == 3
    assert [line for _, line in done.lines] == ["one", "two", "one 2"]
    first, second, _ = (seconds for seconds, _ in done.lines)
    assert second - first > 0.25
    at = done.seconds_at({"first": "one", "second": "two", "never": "three"})
    assert at == {"first": round(first, 1), "second": round(second, 1)}
    # A last line may be read when the process has ended.
    assert done.seconds >= 0.3 and second >= 0.3
    logged = (tmp_path / "logs" / "stage.txt").read_text().splitlines()
    assert [line.split("  ")[-1] for line in logged] == ["one", "two", "one 2"]


def test_memory_and_processor_time(run):
    """The caller's own memory does not count, though Linux hands it on."""
    held = bytearray(b"x") * 300_000_000
    small = run("import time; time.sleep(.2)")
    # Long enough that its memory is looked at, also on a machine with much to do.
    large = run(
        "import time\n"
        "held = bytearray(b'x') * 200_000_000; sum(range(3_000_000)); time.sleep(1)"
    )
    del held
    assert 1 < small.peak_memory_mb < 60
    assert 200 < large.peak_memory_mb < 260
    assert large.cpu_seconds > small.cpu_seconds > 0


def test_temporary_files_are_counted_though_they_are_removed(run):
    done = run(
        "import tempfile, time\n"
        "with tempfile.NamedTemporaryFile() as file:\n"
        "    file.write(bytes(5_000_000)); file.flush(); time.sleep(1)"
    )
    assert done.temporary_peak_mb == pytest.approx(5, abs=0.1)


def test_kill(run, tmp_path):
    done = run(
        "import pathlib, time\n"
        "pathlib.Path('there').touch(); print('waiting'); time.sleep(60)",
        kill_when=(tmp_path / "there").exists,
    )
    assert done.exit_code == -9
    assert done.seconds < 30


def test_another_signal_is_sent_once_and_the_process_may_clean_up(run, tmp_path):
    done = run(
        "import pathlib, signal, sys, time\n"
        "def end(number, frame):\n"
        "    with open('signals', 'a') as file: file.write('x')\n"
        "    time.sleep(0.5); sys.exit(7)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "pathlib.Path('there').touch(); time.sleep(60)",
        kill_when=(tmp_path / "there").exists,
        kill_signal=signal.SIGTERM,
    )
    assert done.exit_code == 7
    assert (tmp_path / "signals").read_text() == "x"


def test_a_caller_that_is_interrupted_leaves_no_process(run, tmp_path):
    def interrupted():
        if (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text():
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        run(
            "import os, pathlib, time\n"
            "pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(60)",
            kill_when=interrupted,
        )
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_record(run):
    record = run("import time; time.sleep(1); print('x')").record({"x": "x"})
    assert record["exit_code"] == 0
    assert record["command"].endswith("print('x')")
    assert record["peak_memory_mb"] > 1
    assert record["seconds_at"].keys() == {"x"}


def test_megabytes(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(bytes(1_500_000))
    (tmp_path / "c").write_bytes(bytes(500_000))
    assert stages.megabytes(tmp_path) == 2
    assert stages.megabytes(tmp_path / "not there") == 0
