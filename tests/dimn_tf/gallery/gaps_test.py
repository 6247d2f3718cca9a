"""Copies in gaps of pages: many are added and removed in turn, and no byte is left."""

import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest

from dimn_tf import errors, progress
from dimn_tf.gallery import (
    Entry,
    Gallery,
    enrolment,
    gaps,
    sqlite_connections,
    sqlite_files,
)

MODEL = "ab" * 32
_PIECE = 16  # Bytes by which something is known.


def _pieces(content: bytes) -> list[bytes]:
    return [content[i : i + _PIECE] for i in range(0, len(content) - 15, _PIECE)]


def _churned(folder, length, seed, kind="float32"):
    """A gallery after 60 random changes, and what was removed: all its bytes."""
    rng, draw = np.random.default_rng(seed), random.Random(seed)
    gallery = Gallery.create(folder, MODEL, length, "exact", kind)
    there, gone = {}, []
    for _ in range(60):
        if draw.random() < 0.6 or len(there) < 3:
            new = [
                Entry(
                    f"name{rng.bytes(12).hex()}",
                    rng.normal(size=length).astype(np.float32),
                    f"person{rng.bytes(10).hex()}",
                    {"camera_id": rng.bytes(draw.randint(8, 400)).hex()},
                )
                for _ in range(draw.randint(1, 6))
            ]
            gallery.add(new)
            there |= {entry.entry_id: entry for entry in new}
        else:
            names = draw.sample(sorted(there), draw.randint(1, min(len(there), 8)))
            gallery.remove(names)
            gone += [there.pop(name) for name in names]
    return gallery, gone


def _left(folder: pathlib.Path, gone, kind="float32") -> list[str]:
    """Of entries that are gone, those of which any file holds a piece."""
    content = b"\0".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
    found = []
    for entry in gone:
        parts = [
            entry.entry_id.encode(),
            entry.person_id.encode(),
            *_pieces(entry.metadata["camera_id"].encode()),
            *_pieces(entry.vector.astype(kind).tobytes()),
        ]
        found += [entry.entry_id] if any(part in content for part in parts) else []
    return found


CHURNS = [(5, 7, "float32"), (16, 3, "float16"), (64, 1, "float32")]
"""Length of vectors, seed and type, of which SQLite (3.40 and 3.50) leaves something
where nothing is rewritten."""


@pytest.mark.parametrize("length,seed,kind", [*CHURNS, (600, 0, "float32")])
def test_nothing_is_left_of_a_gallery_much_changed(tmp_path, length, seed, kind):
    gallery, gone = _churned(tmp_path, length, seed, kind)
    assert len(gone) > 50
    gallery.close()
    assert _left(tmp_path, gone, kind) == []


@pytest.mark.parametrize("length,seed,kind", CHURNS)
def test_without_rewriting_something_is_left(tmp_path, monkeypatch, length, seed, kind):
    monkeypatch.setattr(gaps, "AT_ONCE", 0)
    gallery, gone = _churned(tmp_path, length, seed, kind)
    gallery.close()
    left = _left(tmp_path, gone, kind)
    with Gallery(tmp_path) as again:
        assert again._store._file.erasures() and again.clear_gaps()
    assert _left(tmp_path, gone, kind) == []
    if not left:
        pytest.skip(f"SQLite {sqlite3.sqlite_version} leaves no copies here")


def _small(folder, count=9):
    gallery = Gallery.create(folder, MODEL, count)
    vectors = np.eye(count, dtype=np.float32)
    gallery.add([Entry(f"e{i}", vector) for i, vector in enumerate(vectors)])
    return gallery


@pytest.fixture
def rewritten(monkeypatch):
    """Files that were written anew, with `in_memory`."""
    done, rewrite = [], sqlite_files.SqliteFile.rewrite

    def noted(self, in_memory):
        done.append((self.path.name, in_memory))
        return rewrite(self, in_memory)

    monkeypatch.setattr(sqlite_files.SqliteFile, "rewrite", noted)
    return done


def test_additions_alone_need_no_rewriting(tmp_path, rewritten):
    with _small(tmp_path) as gallery:
        assert gallery.clear_gaps()
    assert rewritten == []


def test_removals_one_by_one_rewrite_at_their_end(tmp_path, rewritten, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(gaps.time, "monotonic", lambda: clock[0])
    rewrite = sqlite_files.SqliteFile.rewrite

    def slow(self, in_memory):
        done = rewrite(self, in_memory)
        clock[0] += 3.0
        return done

    monkeypatch.setattr(sqlite_files.SqliteFile, "rewrite", slow)
    gallery = _small(tmp_path)
    gallery.remove(["e0"])
    gallery.remove(["e1"])
    clock[0] += gaps.PAUSE * 3.0 - 0.1
    gallery.add([Entry("e2", np.ones(9, np.float32))], replace=True)
    assert len(rewritten) == 1
    clock[0] += 0.2
    gallery.remove(["e3"])
    assert len(rewritten) == 2
    gallery.remove(["e4"])
    gallery.close()
    assert rewritten == [("gallery.sqlite", True)] * 3


def test_a_large_file_is_rewritten_when_it_is_asked_for(
    tmp_path, rewritten, monkeypatch
):
    monkeypatch.setattr(gaps, "AT_ONCE", 0)
    with _small(tmp_path) as gallery:
        gallery.remove(["e0"])
    with Gallery(tmp_path) as gallery:
        gallery.remove(["e1"])
        assert rewritten == []
        assert not gallery.clear_gaps(at_most=100) and rewritten == []
        assert gallery.clear_gaps()
        assert rewritten == [("gallery.sqlite", False)]
        assert len(gallery) == 7 and gallery.clear_gaps() and len(rewritten) == 1
        hits = gallery.search(np.eye(9, dtype=np.float32)[2:4], 1)
    assert [found[0].entry_id for found in hits] == ["e2", "e3"]


_KILLED = """
import os
import sys

from dimn_tf.gallery import Gallery, gaps

gaps.Gaps.clear_small = lambda self: os._exit(9)
Gallery(sys.argv[1]).remove(["e1"])
"""


def test_a_killed_removal_leaves_it_to_the_next_writer(tmp_path, rewritten):
    _small(tmp_path).close()
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], check=False)
    assert ended.returncode == 9
    with Gallery(tmp_path) as reader:  # Who only reads is in nobody's way.
        reader.search(np.ones((1, 9), np.float32), 1)
    assert rewritten == []
    with Gallery(tmp_path) as writer:
        writer.add([Entry("e20", np.ones(9, np.float32))])
    assert rewritten == [("gallery.sqlite", True)]


def test_a_rewriting_that_fails_fails_no_removal(tmp_path, monkeypatch, caplog):
    def full(self, in_memory):
        raise errors.UserError("the disk is full")

    gallery = _small(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(sqlite_files.SqliteFile, "rewrite", full)
        gallery.remove(["e0"])
        gallery.remove(["e1"])  # Which does not try again at once.
        assert caplog.text.count("disk is full") == 1
        assert "may be left: the disk is full" in caplog.text
        with pytest.raises(errors.UserError, match="disk is full"):
            gallery.clear_gaps()
    assert len(gallery) == 7
    assert gallery.clear_gaps() and not gallery._store._file.erasures()
    gallery.close()


def test_a_disk_without_room_is_told_before(tmp_path, monkeypatch):
    monkeypatch.setattr(gaps, "AT_ONCE", 0)
    gallery = _small(tmp_path)
    gallery.remove(["e0"])
    free = gallery._store.path.stat().st_size - 1
    monkeypatch.setattr(
        sqlite_files.shutil,
        "disk_usage",
        lambda path: shutil._ntuple_diskusage(9, 9, free),
    )
    with pytest.raises(errors.UserError, match="cannot be written anew"):
        gallery.clear_gaps()
    gallery.close()


def test_a_rewriting_that_breaks_off_leaves_no_long_log(tmp_path, monkeypatch):
    monkeypatch.setattr(gaps, "AT_ONCE", 0)
    gallery = _small(tmp_path)
    gallery.remove(["e0"])
    file = gallery._store._file
    real = file._connection

    class Broken:
        """Whose VACUUM is broken off once it has written to the log."""

        def __getattr__(self, name):
            return getattr(real, name)

        def execute(self, statement, *given):
            done = real.execute(statement, *given)
            if statement == "VACUUM":
                assert file.log.stat().st_size
                raise sqlite3.OperationalError("disk I/O error")
            return done

    file._connection = Broken()
    with pytest.raises(sqlite3.OperationalError):
        gallery.clear_gaps()
    assert file.log.stat().st_size == 0 and file.erasures()
    file._connection = real
    assert gallery.clear_gaps()
    gallery.close()


@pytest.mark.parametrize("at_once", [gaps.AT_ONCE, 0])
def test_what_one_process_could_not_erase_another_does(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(gaps, "AT_ONCE", at_once)
    vectors = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)
    service = Gallery.create(tmp_path, MODEL, 64)
    # A shorter name may stand in the gallery's random identity too.
    names = [f"an entry, number {i}" for i in range(4)]
    service.add([Entry(*both) for both in zip(names[:3], vectors[:3], strict=True)])
    reader, remover = Gallery(tmp_path), Gallery(tmp_path)
    gone = [Entry(names[0], vectors[0], "not looked for", {"camera_id": "neither" * 9})]
    with reader._store.snapshot():
        reader._store.position()
        remover.remove(names[:1])
        assert not remover.clear_gaps()
        remover.close()
        assert _left(tmp_path, gone)
    service.add([Entry(names[3], vectors[3])])
    assert not _left(tmp_path, gone)
    assert service.clear_gaps() and not service._store._file.erasures()
    reader.close()
    service.close()


def test_what_another_process_erases_meanwhile_stays_noted(tmp_path, monkeypatch):
    gallery = _small(tmp_path)
    monkeypatch.setattr(gaps, "AT_ONCE", 0)
    gallery.remove(["e0"])
    other, patiently = Gallery(tmp_path), sqlite_connections.patiently

    def interrupted(path, action):
        done = patiently(path, action)
        monkeypatch.setattr(sqlite_connections, "patiently", patiently)
        other._store.remove(list(other._store.numbers_of(["e1"]).values()))
        return done

    monkeypatch.setattr(sqlite_connections, "patiently", interrupted)
    assert gallery.clear_gaps()
    assert gallery._store._file.erasures() == 2  # The other's, of two so far.
    assert gallery.clear_gaps() and gallery._store._file.erasures() == 0
    other.close()
    gallery.close()


class _Model:
    """Never asked to encode anything here."""

    gallery_classifiers = None


@pytest.mark.parametrize("replace", [False, True])
def test_a_replacing_run_clears_a_large_gallery_too(
    tmp_path, rewritten, monkeypatch, replace
):
    monkeypatch.setattr(gaps, "AT_ONCE", 0)
    with _small(tmp_path) as gallery:
        gallery.remove(["e0"])
        enrolment.enrol(_Model(), gallery, [], progress=False, replace=replace)
    assert rewritten == [("gallery.sqlite", False)] * replace


def test_a_large_file_shows_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(gaps, "AT_ONCE", 0)
    monkeypatch.setattr(gaps, "_MB", 1000)
    monkeypatch.setattr(gaps, "_LOOK_SECONDS", 0.01)
    gallery = _small(tmp_path)
    gallery.remove(["e0"])
    size = gallery._store.path.stat().st_size
    shown, make = [], progress.bar

    def bar(**given):
        made = make(**{**given, "show": False})
        made.update = lambda count: (
            shown.append(count) or setattr(made, "n", made.n + count)
        )
        shown.append((given["total"], given["unit"], given["on_stderr"]))
        return made

    rewrite = sqlite_files.SqliteFile.rewrite

    def slow(self, in_memory):
        with open(self.log, "r+b") as log:
            log.truncate(9000)
        time.sleep(0.2)
        with open(self.log, "r+b") as log:
            log.truncate(0)
        return rewrite(self, in_memory)

    monkeypatch.setattr(gaps.progress, "bar", bar)
    monkeypatch.setattr(sqlite_files.SqliteFile, "rewrite", slow)
    assert gallery.clear_gaps()
    asked, *counts = shown
    assert asked == (size // 1000, "MB", True)
    assert 9 in counts and sum(counts) == size // 1000
    gallery.close()


def test_a_file_that_cannot_be_written_to_is_not_called_clear(tmp_path, monkeypatch):
    monkeypatch.setattr(gaps, "AT_ONCE", 0)
    with _small(tmp_path) as gallery:
        gallery.remove(["e0"])
    reader = Gallery(tmp_path)
    file = reader._store._file
    file.close()  # And opened as where one may only read.
    file._unchanging, file._connection = file._opened_unchanging()
    with pytest.raises(errors.UserError, match="cannot be written to"):
        reader.clear_gaps()
    reader.close()


def test_a_small_file_is_rewritten_with_the_removal_or_replacement(tmp_path, rewritten):
    gallery = _small(tmp_path)
    gallery.remove(["e0"])
    assert len(rewritten) == 1
    gallery._store.gaps._next = 0.0  # Long after it.
    gallery.add([Entry("e1", np.ones(9, np.float32))], replace=True)
    assert len(rewritten) == 2
    gallery._store.gaps._next = 0.0
    gallery.add([Entry("e10", np.ones(9, np.float32))])
    assert len(rewritten) == 2
    gallery.close()
