"""Files are written whole or not at all."""

import errno
import os

import pytest

from dimn_tf import errors, files


def test_takes_the_place_at_the_end(tmp_path):
    path = tmp_path / "new" / "deep" / "x.json"
    with files.replacing(path) as partial:
        partial.write_text("whole")
        assert partial.suffix == ".json" and partial.parent == path.parent
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        with files.replacing(path) as partial:
            partial.write_text("half")
            1 / 0  # noqa: B018
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path):
    host = files._host()
    dead = tmp_path / f".x.{host}.999999999.partial.json"
    living = tmp_path / f".x.{host}.{os.getppid()}.partial.json"
    elsewhere = tmp_path / ".x.another-host.12.partial.json"
    other = tmp_path / f".x_cmc.{host}.999999999.partial.json"
    for path in (dead, living, elsewhere, other):
        path.write_text("half")
    with files.replacing(tmp_path / "x.json") as partial:
        partial.write_text("whole")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"x.json", living.name, elsewhere.name, other.name}
    os.utime(elsewhere, (0, 0))
    with files.replacing(tmp_path / "x.json") as partial:
        partial.write_text("whole")
    assert not elsewhere.exists()


def test_a_folder_or_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    long = "x" * 300
    for name, reason in (
        ("folder", "it is a folder"),
        ("file/x.json", "file is in the way, which is no folder"),
        (long, "File name too long"),
    ):
        path = tmp_path / name
        with pytest.raises(errors.UserError) as caught:
            with files.replacing(path) as partial:
                partial.write_text("new")
        assert str(path) in str(caught.value) and reason in str(caught.value)
    assert (tmp_path / "file").read_text() == "x"


def test_a_full_disk_is_told_with_the_file_and_its_cause_stays(tmp_path, monkeypatch):
    """A write's own error names no file, and removing the part fails as well."""

    def fail(self, missing_ok=False):
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    monkeypatch.setattr("pathlib.Path.unlink", fail)
    with pytest.raises(errors.UserError, match="x.json: cannot be written: No space"):
        with files.replacing(tmp_path / "x.json"):
            raise OSError(errno.ENOSPC, "No space left on device")


def test_another_files_fault_is_not_said_to_be_this_ones(tmp_path):
    with pytest.raises(FileNotFoundError):
        with files.replacing(tmp_path / "x.json"):
            (tmp_path / "source").read_text()


def test_the_longest_name_a_link_and_a_device_are_written(tmp_path):
    long = tmp_path / ("é" * 125 + ".json")
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "real" / "x.json")
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    for path in (long, link, pipe):
        with files.replacing(path) as partial:
            partial.write_text("whole")
    assert long.read_text() == "whole"
    assert link.is_symlink() and (tmp_path / "real" / "x.json").read_text() == "whole"
    assert os.read(reader, 9) == b"whole" and pipe.is_fifo()
    os.close(reader)


def test_a_lock_is_held_by_one_and_its_faults_are_told_apart(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    with files.exclusive(path, "held"):
        with pytest.raises(errors.UserError, match="held"):
            with files.exclusive(path, "held"):
                pass

    def no_locks(handle, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", no_locks)
    with pytest.raises(errors.UserError, match="lock: cannot be locked: No locks"):
        with files.exclusive(path, "held"):
            pass


def test_a_system_without_fcntl_is_refused_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "fcntl", None)
    with pytest.raises(errors.UserError, match="Linux or macOS"):
        with files.exclusive(tmp_path / "lock", "held"):
            pass


def test_the_body_of_a_lock_keeps_its_own_errors(tmp_path):
    with pytest.raises(OSError, match="No space"):
        with files.exclusive(tmp_path / "lock", "held"):
            raise OSError(errno.ENOSPC, "No space left on device")


def test_one_holds_a_lock_and_gives_it_back_however_it_ends(tmp_path):
    lock = tmp_path / "lock"
    with pytest.raises(ZeroDivisionError):
        with files.exclusive(lock, "it is held"):
            with pytest.raises(errors.UserError, match="^it is held$"):
                with files.exclusive(lock, "it is held"):
                    pytest.fail("two hold it")
            raise ZeroDivisionError
    with files.exclusive(lock, "it is held"):
        pass
