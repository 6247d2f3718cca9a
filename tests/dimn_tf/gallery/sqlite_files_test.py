"""The gallery's file where it cannot be written to, is full, damaged or held."""

import contextlib
import os
import pathlib
import shutil
import sqlite3
import tempfile

import numpy as np
import pytest
from absl import logging

from dimn_tf import errors
from dimn_tf.gallery import (
    Entry,
    Gallery,
    sqlite_connections,
    sqlite_faults,
    sqlite_files,
    store,
)

D, MODEL = 4, "ab" * 32
NOBODY = 65534


@pytest.fixture
def folder():
    """A folder that other users reach too."""
    with tempfile.TemporaryDirectory() as made:
        os.chmod(made, 0o755)
        yield pathlib.Path(made) / "people"


@contextlib.contextmanager
def _unprivileged():
    """Without the right of the superuser to write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextlib.contextmanager
def _read_only(folder):
    paths = [folder, *folder.iterdir()]
    before = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        with _unprivileged():
            yield
    finally:
        for path, mode in before.items():
            path.chmod(mode)


def _add(folder, names, kind="exact"):
    with Gallery.create(folder, MODEL, D, kind) as gallery:
        gallery.add([Entry(name, _vector(name)) for name in names])
        gallery.search(np.ones((1, D)), 1)
        gallery.keep_index()


def _vector(name):
    vector = np.random.default_rng(sum(map(ord, name))).normal(size=D)
    return vector / np.linalg.norm(vector)


def _found(gallery, name):
    return gallery.search(_vector(name)[np.newaxis], 1)[0][0].entry_id


@pytest.mark.parametrize("kind", ["exact", "hnsw"])
def test_a_gallery_that_cannot_be_written_to_is_searched(folder, kind):
    _add(folder, "ab", kind)
    with _read_only(folder):
        before = sorted(os.listdir(folder))
        with pytest.raises(PermissionError):
            (folder / "x").write_text("")  # Else nothing is tested here.
        with Gallery(folder, MODEL) as gallery:
            assert len(gallery) == 2 and _found(gallery, "a") == "a"
            with pytest.raises((errors.UserError, PermissionError)) as caught:
                gallery.add([Entry("c", np.ones(D))])
            assert str(folder) in str(caught.value)
            assert len(gallery) == 2
        assert sorted(os.listdir(folder)) == before


def test_a_writer_at_work_is_seen_from_a_place_that_cannot_be_written_to(folder):
    _add(folder, "a")
    with Gallery(folder) as writer:
        writer.add([Entry("b", _vector("b"))])
        with _read_only(folder), Gallery(folder) as reader:
            assert _found(reader, "b") == "b"
            with _as_before():
                writer.add([Entry("c", _vector("c"))])
            assert _found(reader, "c") == "c"


@contextlib.contextmanager
def _as_before():
    """The user that the tests run as, for a moment."""
    effective = os.geteuid()
    os.seteuid(os.getuid())
    try:
        yield
    finally:
        os.seteuid(effective)


def test_what_is_read_as_it_is_is_opened_anew_when_it_was_changed(folder):
    _add(folder, "a")
    with _read_only(folder), Gallery(folder) as reader:
        assert _found(reader, "a") == "a"
        assert reader._store._file._unchanging is not None
        with _as_before():  # Another machine's view of the same folder.
            _add(folder, "b")
            for path in folder.iterdir():
                path.chmod(0o444)
        assert _found(reader, "b") == "b" and len(reader) == 2


def test_what_only_the_log_of_another_machine_holds_is_seen(folder):
    _add(folder, "a")
    with _read_only(folder), Gallery(folder) as reader:
        assert len(reader) == 1 and not reader._store._file.writable
        with _as_before(), Gallery(folder) as writer:
            writer.add([Entry("b", _vector("b"))])
            assert (folder / "gallery.sqlite-wal").stat().st_size
            for path in folder.iterdir():
                path.chmod(0o444)
        with contextlib.ExitStack() as opened:
            with _as_before():
                opened.enter_context(Gallery(folder))
                assert (folder / "gallery.sqlite-wal").exists()
            assert len(reader) == 2


@pytest.mark.parametrize("fault", ["a log", "damaged", "missing"])
def test_a_reader_that_was_refused_once_reads_on_when_it_is_put_right(folder, fault):
    _add(folder, "a")
    path, log = folder / "gallery.sqlite", folder / "gallery.sqlite-wal"
    with _read_only(folder), Gallery(folder) as reader:
        assert _found(reader, "a") == "a" and not reader._store._file.writable
        with _as_before():  # Another machine's view of the same folder.
            with Gallery(folder) as writer:
                writer.add([Entry("b", _vector("b"))])
                left = log.read_bytes()
            whole = path.read_bytes()
            if fault == "a log":
                log.write_bytes(left)
            elif fault == "damaged":
                path.write_bytes(b"no file of SQLite's" * 999)
            else:
                path.unlink()
        said = {
            "a log": "holds changes that were not yet taken",
            "damaged": "it is no gallery",
            "missing": r"sqlite: it cannot be reached \(No such file",
        }
        for _ in range(2):
            for read in (lambda: _found(reader, "b"), lambda: len(reader)):
                with pytest.raises(errors.UserError, match=said[fault]):
                    read()
        with _as_before():
            if fault == "a log":
                log.unlink()
            path.write_bytes(whole)
            path.chmod(0o444)
        assert _found(reader, "b") == "b" and len(reader) == 2


def test_what_is_changed_while_it_is_read_as_it_is_is_told(folder):
    _add(folder, "a")
    with _read_only(folder), Gallery(folder) as reader:
        with pytest.raises(errors.UserError, match="was changed by somebody who can"):
            with reader._store.snapshot():
                reader._store.position()
                with _as_before():
                    _add(folder, "b")
        for path in folder.iterdir():
            with _as_before():
                path.chmod(0o444)
        assert len(reader) == 2


def test_changes_that_only_the_log_holds_are_not_passed_over(folder, tmp_path):
    _add(folder, "a")
    with Gallery(folder) as writer:
        writer.add([Entry("b", _vector("b"))])
        shutil.copytree(folder, folder.with_name("copy"))
    copy = folder.with_name("copy")
    (copy / "gallery.sqlite-shm").unlink()
    with _read_only(copy), pytest.raises(errors.UserError, match="holds changes that"):
        Gallery(copy)
    with Gallery(copy) as whole:
        assert len(whole) == 2


def test_a_file_that_may_not_be_read_is_no_broken_gallery(folder):
    _add(folder, "a")
    (folder / "gallery.sqlite").chmod(0)
    with _unprivileged(), pytest.raises(errors.UserError, match="it cannot be opened"):
        Gallery(folder)


def test_a_full_disk_is_told_and_nothing_is_half_there(folder):
    names = [f"e{i}" for i in range(3_000)]
    with Gallery.create(folder, MODEL, D) as gallery:
        gallery.add([Entry("a", _vector("a"))])
        pages = "PRAGMA max_page_count=20"
        assert gallery._store._file._connection.execute(pages).fetchone() == (20,)
        with pytest.raises(
            errors.UserError, match="sqlite: the disk is full.*Make room"
        ):
            gallery.add([Entry(name, _vector(name)) for name in names])
        assert len(gallery) == 1 and not gallery.which_of(names)
        gallery.remove(["a"])  # And it goes on.
    with Gallery(folder) as gallery:
        assert len(gallery) == 0


def test_a_transaction_that_sqlite_has_ended_hides_no_cause(folder):
    _add(folder, "a")
    file = store.Store(folder / "gallery.sqlite")._file
    with pytest.raises(KeyError, match="the cause"), file.transaction() as connection:
        connection.execute("ROLLBACK")  # As SQLite does where the disk is full.
        raise KeyError("the cause")
    with file.transaction() as connection:  # And it goes on.
        connection.execute("DELETE FROM entries")
    file.close()


def test_a_change_is_rolled_back_whole(folder):
    _add(folder, "abc")
    opened = store.Store(folder / "gallery.sqlite")
    rows = [("d", None, "{}"), ("a", None, "{}")]  # The second is there already.
    with pytest.raises(sqlite3.IntegrityError):
        opened.add(rows, np.ones((2, D), np.float32))
    (number,) = opened.numbers_of(["b"]).values()
    rows = [("b", None, "{}"), ("c", None, "{}")]
    with pytest.raises(sqlite3.IntegrityError):
        opened.add(rows, np.ones((2, D), np.float32), [number])
    with pytest.raises(KeyboardInterrupt), opened._file.transaction() as connection:
        connection.execute("DELETE FROM entries")
        raise KeyboardInterrupt
    for seen in (opened, store.Store(folder / "gallery.sqlite")):
        assert seen.persons() == {"a": None, "b": None, "c": None}
        assert seen.removed_between(0, 99) == []
        seen.close()


def test_a_snapshot_is_one_state_whatever_a_writer_does_meanwhile(folder):
    _add(folder, "ab")
    path = folder / "gallery.sqlite"
    reader, writer = store.Store(path), store.Store(path)
    with reader.snapshot():
        assert set(reader.persons()) == {"a", "b"}
        writer.add([("c", None, "{}")], np.ones((1, D), np.float32))
        writer.remove(list(writer.numbers_of(["a"]).values()))
        assert set(reader.persons()) == {"a", "b"} and len(reader) == 2
    with reader.snapshot():
        assert set(reader.persons()) == {"b", "c"}
    for opened in (reader, writer):
        opened.close()


def test_a_file_is_opened_once_for_all_searches(folder, monkeypatch):
    _add(folder, "a")
    opened = []
    make = sqlite_connections.opened

    def counted(path, options):
        opened.append(options)
        return make(path, options)

    monkeypatch.setattr(sqlite_connections, "opened", counted)
    with Gallery(folder) as gallery:
        for _ in range(3):
            _found(gallery, "a")
    assert opened == ["mode=rw"]


def test_a_change_begins_by_taking_the_lock_and_waits_for_it_aloud(
    folder, monkeypatch, caplog
):
    _add(folder, "a")
    monkeypatch.setattr(sqlite_faults, "PATIENCE", 0.1)
    monkeypatch.setattr(sqlite_connections, "_QUIET", 0.05)
    logging.set_verbosity(logging.WARNING)
    path = folder / "gallery.sqlite"
    first, second = sqlite_files.SqliteFile(path), sqlite_files.SqliteFile(path)
    with first.transaction():  # Which has written nothing so far.
        with pytest.raises(errors.UserError, match="another process has been writing"):
            with second.transaction():
                raise AssertionError("it is held")
    assert caplog.text.count("waiting for another process that writes to it") == 1
    with second.transaction() as connection:
        connection.execute("DELETE FROM entries")
    first.close()
    second.close()


def test_every_change_of_a_gallery_takes_the_writers_lock(folder):
    _add(folder, "a", "hnsw")
    with Gallery(folder) as first, Gallery(folder) as second, first._writing():
        for change in (
            lambda: second.add([Entry("b", np.ones(D))]),
            lambda: second.add([Entry("a", np.ones(D))], replace=True),
            lambda: second.remove(["a"]),
            second.keep_index,
        ):
            with pytest.raises(errors.UserError, match="another process is writing"):
                change()
        assert _found(second, "a") == "a"


@pytest.mark.parametrize("size", [1, 100, 5_000, 9_000])
def test_a_damaged_file_is_named(folder, size):
    _add(folder, [f"e{i}" for i in range(300)])
    path = folder / "gallery.sqlite"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(errors.UserError, match="gallery.sqlite.*(gallery|damaged)"):
        with Gallery(folder) as gallery:
            gallery.search(np.ones((1, D)), 1)


@pytest.mark.parametrize("name", ["a b", "a?b#c%20", "[a]*", "caf\udce9", "日本"])
def test_any_name(folder, name):
    place = folder / name
    _add(place, "ab", "hnsw")
    with Gallery(place) as gallery:
        assert _found(gallery, "b") == "b"
    with _read_only(place), Gallery(place) as gallery:
        assert _found(gallery, "b") == "b"


@pytest.mark.parametrize("way", ["removed", "replaced"])
def test_what_is_removed_is_erased(folder, way):
    _add(folder, [f"e{i}" for i in range(50)])
    secret = np.array([3.25, -7.5, 11.125, 13.0625], np.float32)
    entry = Entry("secret entry", secret, "secret person", {"x": "secret words"})
    with Gallery(folder) as gallery:
        gallery.add([entry])
        assert _bytes_of(folder, secret) and _bytes_of(folder, b"secret words")
        if way == "removed":
            gallery.remove(["secret entry"])
        else:
            gallery.add([Entry("secret entry", np.ones(D))], replace=True)
        assert not _bytes_of(folder, secret)  # Nor in the log, while it is open.
        assert not _bytes_of(folder, b"secret words")


def _bytes_of(folder, what) -> bool:
    return any(bytes(what) in path.read_bytes() for path in folder.iterdir())


def test_a_file_that_lost_its_log_gets_it_again(folder):
    _add(folder, "a")
    with contextlib.closing(sqlite3.connect(folder / "gallery.sqlite")) as connection:
        connection.execute(f"VACUUM INTO '{folder}/copy'")
    (folder / "copy").rename(folder / "gallery.sqlite")
    with Gallery(folder) as writer, Gallery(folder) as reader:
        writer.add([Entry("b", _vector("b"))])
        mode = writer._store._file.read("PRAGMA journal_mode")
        assert mode == [("wal",)] and _found(reader, "b") == "b"
