"""What is removed is on no file any more: the bytes of all files are looked through."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from dimn_tf.gallery import Entry, Gallery, indexes, kept_index

D, MODEL = 600, "ab" * 32
LENGTHS = (D, 1_280, 1_792)
"""Of vectors; those of the encoder (width 1.0 and 1.4) take more in float32 than a page
of SQLite holds of one entry, 4,061 bytes: the rest lies in overflow pages."""
_PIECE = 16  # Bytes by which a vector is known.


def _vectors(count, seed=0, length=D):
    return np.random.default_rng(seed).normal(size=(count, length)).astype(np.float32)


def _traces(folder: pathlib.Path, vector: np.ndarray) -> list[str]:
    """Files that hold any piece of a vector, in either precision."""
    pieces = set()
    for stored in (vector.tobytes(), vector.astype(np.float16).tobytes()):
        pieces |= {
            stored[i : i + _PIECE] for i in range(0, len(stored) - _PIECE, _PIECE)
        }
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = path.read_bytes()
        found += [path.name] if any(piece in content for piece in pieces) else []
    return found


@pytest.fixture(
    params=[(k, t, d) for k in indexes.INDEXES for t in (32, 16) for d in LENGTHS]
)
def made(request, tmp_path):
    """A gallery of 40 with its index on disk where that is kept, and the vectors."""
    kind, bits, length = request.param
    vectors = _vectors(40, length=length)
    with Gallery.create(tmp_path / "g", MODEL, length, kind, f"float{bits}") as gallery:
        gallery.add(
            [Entry(f"e{i}", v, f"p{i // 4}", {"i": i}) for i, v in enumerate(vectors)]
        )
        gallery.search(vectors[:1], 1)
        gallery.keep_index()
        yield gallery, vectors


def _others_are_found(gallery, vectors, gone):
    kept = np.delete(np.arange(40), gone)
    found = gallery.search(vectors[kept], 1)
    assert [hits[0].metadata["i"] for hits in found] == kept.tolist()


def test_removed_entries_leave_no_trace(made):
    gallery, vectors = made
    folder, gone = gallery.folder, [3, 4, 5, 6, 20]
    for i in gone:
        assert "gallery.sqlite" in " ".join(_traces(folder, vectors[i]))
    gallery.remove([f"e{i}" for i in gone])
    for i in gone:
        assert _traces(folder, vectors[i]) == []
    _others_are_found(gallery, vectors, gone)
    gallery.keep_index()
    for i in gone:
        assert _traces(folder, vectors[i]) == []
    for again in (gallery, Gallery(folder)):
        _others_are_found(again, vectors, gone)
    again.close()
    assert _traces(folder, vectors[7]) != []


def test_a_replaced_entry_leaves_no_trace_of_what_it_was(made):
    gallery, vectors = made
    new = _vectors(1, seed=9, length=vectors.shape[1])[0]
    gallery.add([Entry("e7", new, "p1", {"i": 7})], replace=True)
    assert _traces(gallery.folder, vectors[7]) == []
    gallery.keep_index()
    assert _traces(gallery.folder, vectors[7]) == []
    assert _traces(gallery.folder, new) != []
    assert gallery.search(new[np.newaxis], 1)[0][0].entry_id == "e7"


@pytest.mark.parametrize("kind", ["hnsw", "hnsw_float16"])
def test_an_erasure_that_was_cut_off_is_finished_by_the_next_opening(
    tmp_path, monkeypatch, kind
):
    vectors = _vectors(40)
    gallery = Gallery.create(tmp_path, MODEL, D, kind)
    gallery.add([Entry(f"e{i}", v, None, {"i": i}) for i, v in enumerate(vectors)])
    gallery.keep_index()

    def killed(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(kept_index.KeptIndex, "delete_others", killed)
        with pytest.raises(KeyboardInterrupt):
            gallery.remove(["e11"])
    gallery.close()
    (left,) = _traces(tmp_path, vectors[11])
    assert left.endswith(".faiss")
    with Gallery(tmp_path) as again:
        assert _traces(tmp_path, vectors[11]) == []
        _others_are_found(again, vectors, [11])


_KILLED = """
import os
import sys

import numpy as np

from dimn_tf.gallery import Entry, Gallery, sqlite_files

def killed(self):
    os._exit(9)

gallery = Gallery(sys.argv[1])
sqlite_files.SqliteFile._cut_log = killed
gallery.remove(["e11"])
"""


@pytest.mark.parametrize("length", [D, LENGTHS[-1]])
def test_a_removal_that_was_killed_before_the_log_is_cut_is_finished(tmp_path, length):
    vectors = _vectors(40, length=length)
    with Gallery.create(tmp_path, MODEL, length) as gallery:
        gallery.add([Entry(f"e{i}", v, None, {"i": i}) for i, v in enumerate(vectors)])
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], check=False)
    assert ended.returncode == 9
    assert _traces(tmp_path, vectors[11]) != []
    with Gallery(tmp_path) as again:
        assert _traces(tmp_path, vectors[11]) == []
        _others_are_found(again, vectors, [11])


def test_what_a_reader_holds_in_the_log_is_told_and_goes_with_the_next_change(
    tmp_path, caplog
):
    vectors = _vectors(41)
    gallery = Gallery.create(tmp_path, MODEL, D)
    gallery.add([Entry(f"e{i}", v, None, {"i": i}) for i, v in enumerate(vectors[:40])])
    reader = Gallery(tmp_path)
    with reader._store.snapshot():
        reader._store.position()
        with caplog.at_level("WARNING"):
            gallery.remove(["e7"])
    assert "what was removed is still on disk" in caplog.text
    assert _traces(tmp_path, vectors[7]) != []
    caplog.clear()
    with reader._store.snapshot():
        reader._store.position()
        Gallery(tmp_path).close()  # It knows of no removal, and says nothing.
    assert not caplog.records
    gallery.add([Entry("e40", vectors[40], None, {"i": 40})])
    assert _traces(tmp_path, vectors[7]) == []
    reader.close()
    gallery.close()


def test_another_writers_new_index_is_not_taken_for_a_left_one(tmp_path):
    gallery = Gallery.create(tmp_path, MODEL, D, "hnsw")
    gallery.add([Entry("e0", _vectors(1)[0])])
    with gallery._writing():
        (tmp_path / "index-a0b1-1-0.faiss").write_bytes(b"being written")
        Gallery(tmp_path).close()
        assert (tmp_path / "index-a0b1-1-0.faiss").exists()
    Gallery(tmp_path).close()
    assert not (tmp_path / "index-a0b1-1-0.faiss").exists()
    gallery.close()
