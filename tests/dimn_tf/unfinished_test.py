"""Folders that are being written: their own, and gone with their writer."""

import os
import pathlib
import subprocess
import sys
import time

import pytest

from dimn_tf import errors, files, unfinished

KILLED = """
import os, pathlib, sys
from dimn_tf import unfinished
with unfinished.beside(pathlib.Path(sys.argv[1]) / "1") as folder:
    (folder / "half").write_text("written")
    print(flush=True)
    sys.stdin.read()
"""


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_two_writers_do_not_meet(tmp_path):
    """Though both have this process' number, as in two containers."""
    with unfinished.beside(tmp_path / "3") as first:
        (first / "of the first").write_text("")
        with pytest.raises(KeyError), unfinished.beside(tmp_path / "3") as second:
            assert first != second and second.parent == tmp_path
            assert second.name.startswith(".3.") and second.name.endswith(".partial")
            raise KeyError
        assert not second.exists() and _names(first) == ["of the first"]
        first.rename(tmp_path / "3")
    assert _names(tmp_path) == ["3"] and _names(tmp_path / "3") == ["of the first"]


def test_others_may_look_into_what_is_published(tmp_path):
    (tmp_path / "plain").mkdir()
    with unfinished.beside(tmp_path / "1") as folder:
        assert folder.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_a_killed_writer_left_goes_with_the_next(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        process.stdout.readline()
        (left,) = tmp_path.iterdir()
        with unfinished.beside(tmp_path / "1"):
            assert _names(left) == ["half"]  # It lives.
        process.kill()
        process.wait()
    assert _names(tmp_path) == [left.name]
    with unfinished.beside(tmp_path / "2"):  # Another's.
        assert left.exists()
    with unfinished.beside(tmp_path / "1"):
        assert not left.exists()
    assert not _names(tmp_path)


def test_what_older_versions_left_goes_after_a_day(tmp_path):
    """They held no lock; names of other kinds are nobody's."""
    others = [".1.2.partial", ".x.2.partial", "1.2.partial", ".1.2.partial2"]
    for name in (*others, ".1.4242.partial"):
        (tmp_path / name).mkdir()
    old = time.time() - 2 * unfinished._OLD_SECONDS
    for name in (*others[1:], ".1.4242.partial"):
        os.utime(tmp_path / name, (old, old))
    with unfinished.beside(tmp_path / "1"):
        pass
    assert _names(tmp_path) == sorted(others)


def test_what_killed_writers_of_its_kind_left_goes_too(tmp_path):
    """Their names may never be written again: others took their numbers."""
    left = [tmp_path / f".{name}.{'0a' * 8}.partial" for name in (1, 12, "x")]
    for folder in left:
        folder.mkdir()
    with (
        unfinished.beside(tmp_path / "2", r"\d+") as living,
        unfinished.beside(tmp_path / "3", r"\d+") as folder,
    ):
        assert _names(tmp_path) == sorted(x.name for x in (living, folder, left[2]))
    assert _names(tmp_path) == [left[2].name]


@pytest.mark.parametrize("when", ["opened", "locked"])
def test_a_folder_that_goes_before_it_is_held_is_made_anew(when, tmp_path, monkeypatch):
    """Another writer looks for what is left, between its making and its lock."""
    mkdir, take, looked = pathlib.Path.mkdir, files.take, []

    def look():
        if not looked:
            looked.extend(path for path in tmp_path.iterdir())
            unfinished._remove_left(tmp_path, "1")

    def make(self, *args, **options):
        mkdir(self, *args, **options)
        if when == "opened":
            look()

    def lock(handle, path):
        if when == "locked":
            look()
        return take(handle, path)

    monkeypatch.setattr(pathlib.Path, "mkdir", make)
    monkeypatch.setattr(files, "take", lock)
    with unfinished.beside(tmp_path / "1") as folder:
        assert len(looked) == 1 and not looked[0].exists()
        (folder / "of the first").write_text("")
        unfinished._remove_left(tmp_path, "1")
        assert _names(folder) == ["of the first"]
    assert not _names(tmp_path)


def test_a_folder_that_another_holds_is_left_to_it(tmp_path, monkeypatch):
    """It is about to remove it."""
    take, given = files.take, []

    def lock(handle, path):
        given.append(path)
        return len(given) > 1 and take(handle, path)

    monkeypatch.setattr(files, "take", lock)
    with unfinished.beside(tmp_path / "1") as folder:
        assert given[0] != given[1] == folder and _names(tmp_path) == [folder.name]
    assert not _names(tmp_path)


def test_without_locks_nothing_of_others_is_removed(tmp_path, monkeypatch):
    left = tmp_path / f".1.{'0a' * 8}.partial"
    left.mkdir()

    def refuse(handle, path):
        raise errors.UserError("this system has no locks")

    with monkeypatch.context() as patched:
        patched.setattr("dimn_tf.files.take", refuse)
        with unfinished.beside(tmp_path / "1") as folder:
            assert folder.is_dir()
    assert _names(tmp_path) == [left.name]
    with unfinished.beside(tmp_path / "1"):
        assert not left.exists()
