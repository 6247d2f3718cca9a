"""Tests of builds that leave either a whole data set or nothing."""

import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest

from data_builders.clean_build import clean_build
from dimn_tf import errors


def test_failed_build_leaves_no_folder(tmp_path):
    with pytest.raises(KeyError):
        with clean_build(tmp_path / "tfds", "viper"):
            (tmp_path / "tfds/viper/complete").mkdir(parents=True)
            (tmp_path / "tfds/viper/.config").mkdir()
            (tmp_path / "tfds/viper/.config/metadata.json").touch()
            (tmp_path / "tfds/downloads/extracted").mkdir(parents=True)
            raise KeyError
    assert list(tmp_path.rglob("*")) == []


def test_what_others_built_stays(tmp_path):
    kept = [
        tmp_path / "viper/.config/metadata.json",
        tmp_path / "viper/complete/1.0.0/dataset_info.json",
        tmp_path / "downloads/archive.zip",
        tmp_path / "prid/complete/incomplete.AAAAAA_1.0.0/half",
    ]
    for path in kept:
        path.parent.mkdir(parents=True)
        path.touch()
    with pytest.raises(KeyError), clean_build(tmp_path, "viper"):
        (tmp_path / "viper/partial").mkdir()
        raise KeyError
    assert all(path.exists() for path in kept)
    assert not (tmp_path / "viper/partial").exists()


def _start(body, data_dir):
    """A process that runs `body` while it builds, and then prints "done"."""
    code = (
        "import pathlib, sys, time\n"
        "from data_builders.clean_build import clean_build\n"
        "data_dir = pathlib.Path(sys.argv[1])\n"
        "print('started', flush=True)\n"
        "with clean_build(data_dir, 'viper'):\n"
        f"    {body}\n"
        "print('done', time.monotonic(), flush=True)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(data_dir)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that its children can be ended with it
    )


def test_leftovers_of_a_killed_build_go_and_its_lock_is_free(tmp_path):
    leftover = tmp_path / "viper/complete/incomplete.AAAAAA_1.0.0"
    body = f"pathlib.Path({str(leftover)!r}).mkdir(parents=True); print('in', flush=1)"
    with _start(f"{body}; time.sleep(60)", tmp_path) as process:
        assert [process.stdout.readline() for _ in "12"] == ["started\n", "in\n"]
        process.kill()
    assert leftover.exists()
    with clean_build(tmp_path, "viper"):
        assert not leftover.exists()


def test_builds_in_one_directory_wait_for_each_other(tmp_path):
    with clean_build(tmp_path, "viper"):
        process = _start("pass", tmp_path)
        assert process.stdout.readline() == "started\n"
        # It says so before it waits, however busy the machine is.
        told = process.stdout.readline()
        end = time.monotonic()
    (last,) = process.communicate(timeout=60)[0].splitlines()
    assert told == f"viper: another process is building in {tmp_path}; waiting for it\n"
    done = float(last.split()[1])
    assert done > end


def test_a_forked_process_does_not_keep_the_lock(tmp_path):
    fork = "child = os.fork(); child or time.sleep(60)"
    body = f"import os; {fork}"
    with _start(body, tmp_path) as process:
        assert process.stdout.readline() == "started\n"
        assert process.stdout.readline().startswith("done")
        handle = os.open(tmp_path, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises if it is kept
        os.close(handle)
        os.killpg(process.pid, signal.SIGKILL)


def test_records_that_cannot_be_written_are_told_and_nothing_stays(tmp_path):
    """array_record's error, as it came from a full disk."""
    data_dir = tmp_path / "data"
    with pytest.raises(errors.UserError) as caught:
        with clean_build(data_dir, "viper"):
            shard = data_dir / "viper" / "incomplete.X_1.0.0" / "viper-cam_a"
            raise RuntimeError(
                f"write() failed: No space left on device; writing {shard}"
            )
    text = str(caught.value)
    assert text.startswith(f"{data_dir}: viper cannot be written there (write() failed")
    assert "No space left on device" in text and "--data_dir" in text
    assert not data_dir.exists()
    with pytest.raises(errors.UserError, match="there .the first line.. Nothing"):
        with clean_build(data_dir, "viper"):
            raise RuntimeError(f"the first line\nand more of {data_dir}")
    # What a builder itself raises stays as it is.
    with pytest.raises(RuntimeError, match="a defect"):
        with clean_build(data_dir, "viper"):
            raise RuntimeError("a defect")


def test_a_folder_below_others_that_are_not_there_is_made(tmp_path):
    data_dir = tmp_path / "a" / "b"
    with clean_build(data_dir, "viper"):
        (data_dir / "viper").mkdir()
        (data_dir / "viper" / "records").touch()
    assert (data_dir / "viper" / "records").is_file()
