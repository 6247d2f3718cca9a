"""The index that is kept beside a gallery: a cache that never changes what is found."""

import numpy as np
import pytest
from absl import logging

from dimn_tf import errors
from dimn_tf.gallery import Entry, Gallery, indexes, store
from dimn_tf.gallery import gallery as gallery_lib
from tests.dimn_tf.gallery import made_up

D, MODEL = made_up.D, made_up.MODEL


def _counted_reads(monkeypatch):
    """Entries that are read from disk to be indexed."""
    read = []
    between = store.Store.vectors_between

    def counted(self, after, last):
        for numbers, vectors in between(self, after, last):
            read.append(len(numbers))
            yield numbers, vectors

    monkeypatch.setattr(store.Store, "vectors_between", counted)
    return read


@pytest.mark.parametrize("kind", ["hnsw", "hnsw_float16"])
def test_a_kept_index_is_read_and_only_what_is_new_is_indexed(
    tmp_path, monkeypatch, kind
):
    vectors, probes = made_up.vectors(60), made_up.vectors(5, seed=1)
    with Gallery.create(tmp_path, MODEL, D, kind) as gallery:
        gallery.add(made_up.entries(vectors[:50]))
        gallery.search(probes, 1)
        gallery.remove(["e3", "e4"])  # Which the graph cannot forget.
        assert gallery.keep_index()
        gallery.add(made_up.entries(vectors[50:], start=50))
    read = _counted_reads(monkeypatch)
    expected = [
        [name for name in row if name not in ("e3", "e4")]
        for row in made_up.brute(vectors, probes, 60)
    ]
    with Gallery(tmp_path) as again:
        assert made_up.ids(again.search(probes, 9)) == [row[:9] for row in expected]
        assert sum(read) == 10
        assert again.keep_index() and len(list(tmp_path.glob("*.faiss"))) == 1
        assert not list(tmp_path.glob("*.partial*"))
    with Gallery(tmp_path) as again:
        hits = again.search(probes, 60)
        # Half precision may turn neighbours of all but equal scores round.
        assert [set(row) for row in made_up.ids(hits)] == [set(row) for row in expected]
        assert sum(read) == 10


def test_a_broken_kept_index_is_built_anew_and_said(tmp_path, monkeypatch, caplog):
    vectors, probes = made_up.vectors(30), made_up.vectors(3, seed=1)
    with Gallery.create(tmp_path, MODEL, D, "hnsw") as gallery:
        gallery.add(made_up.entries(vectors))
        gallery.keep_index()
    (path,) = tmp_path.glob("*.faiss")
    path.write_bytes(path.read_bytes()[:700])
    logging.set_verbosity(logging.WARNING)
    with Gallery(tmp_path) as again:
        assert "built anew" in caplog.text
        assert made_up.ids(again.search(probes, 4)) == made_up.brute(vectors, probes, 4)
        assert set(made_up.ids(again.search(probes, 30))[0]) == {
            f"e{i}" for i in range(30)
        }
        again.keep_index()
    read = _counted_reads(monkeypatch)
    with Gallery(tmp_path) as again:
        assert made_up.ids(again.search(probes, 4)) == made_up.brute(vectors, probes, 4)
    assert not read


def test_an_index_that_is_replaced_while_it_is_opened_is_taken_from_its_new_place(
    tmp_path, monkeypatch, caplog
):
    vectors, probes = made_up.vectors(30), made_up.vectors(3, seed=1)
    with Gallery.create(tmp_path, MODEL, D, "hnsw") as writer:
        writer.add(made_up.entries(vectors[:20]))
        writer.keep_index()
        read = indexes.Index.read

        def overtaken(self, path):
            monkeypatch.setattr(indexes.Index, "read", read)
            writer.add(made_up.entries(vectors[20:], start=20))
            writer.keep_index()  # Which takes away what is about to be read.
            read(self, path)

        monkeypatch.setattr(indexes.Index, "read", overtaken)
        indexed = _counted_reads(monkeypatch)
        with Gallery(tmp_path) as reader:
            del indexed[:]
            assert made_up.ids(reader.search(probes, 4)) == made_up.brute(
                vectors, probes, 4
            )
        assert not indexed and not caplog.text


def test_another_gallerys_kept_index_is_passed_over(tmp_path):
    probes = made_up.vectors(3, seed=1)
    for seed in (0, 5):
        (tmp_path / "gallery.sqlite").unlink(missing_ok=True)
        with Gallery.create(tmp_path, MODEL, D, "hnsw") as gallery:
            gallery.add(made_up.entries(made_up.vectors(20, seed)))
            expected = made_up.brute(made_up.vectors(20, seed), probes, 4)
            assert made_up.ids(gallery.search(probes, 4)) == expected
            gallery.keep_index()
            assert len(list(tmp_path.glob("*.faiss"))) == 1


def test_entries_put_back_from_a_backup_do_not_meet_a_later_index(tmp_path):
    vectors, probes = made_up.vectors(80), made_up.vectors(4, seed=1)
    with Gallery.create(tmp_path, MODEL, D, "hnsw") as gallery:
        gallery.add(made_up.entries(vectors[:40]))
        gallery.keep_index()
    backup = (tmp_path / "gallery.sqlite").read_bytes()
    with Gallery(tmp_path) as gallery:
        gallery.add(made_up.entries(vectors[40:60], start=40))
        gallery.keep_index()
    (tmp_path / "gallery.sqlite").write_bytes(backup)
    with Gallery(tmp_path) as gallery:
        assert made_up.ids(gallery.search(probes, 5)) == made_up.brute(
            vectors[:40], probes, 5
        )
        # Their numbers were other entries' once.
        gallery.add(made_up.entries(vectors[60:], start=40))
        kept = np.concatenate([vectors[:40], vectors[60:]])
        assert made_up.ids(gallery.search(probes, 5)) == made_up.brute(kept, probes, 5)
        gallery.keep_index()
    with Gallery(tmp_path) as gallery:
        assert made_up.ids(gallery.search(probes, 5)) == made_up.brute(kept, probes, 5)


def test_what_a_killed_keeper_left_is_cleared_away(tmp_path):
    with Gallery.create(tmp_path, MODEL, D, "hnsw") as gallery:
        gallery.add(made_up.entries(made_up.vectors(3)))
        left = tmp_path / ".index-abc0-3-0.a-host.123.partial.faiss"
        left.write_bytes(b"half")
        gallery.keep_index()
        assert not left.exists()


@pytest.mark.parametrize("kind", ["exact", "hnsw"])
def test_what_is_not_the_programs_own_index_is_left_alone(tmp_path, kind):
    foreign = [
        "my-index-2024.csv",
        "index-notes.txt",
        "index-2024-1-2.faiss.bak",
        "my-index-abc0-3-0.faiss",
        "index-of-photos-1-0.faiss",
        ".index-notes.host.12.partial.faiss",
    ]
    folders = ["index-folder", "index-abc0-3-0.faiss"]
    with Gallery.create(tmp_path, MODEL, D, kind) as gallery:
        gallery.add(made_up.entries(made_up.vectors(9)))
    for name in foreign:
        (tmp_path / name).write_text("the user's")
    for name in folders:
        (tmp_path / name).mkdir()
    left = tmp_path / "index-00ff-3-0.faiss"
    left.write_bytes(b"a killed writer's")
    with Gallery(tmp_path) as gallery:
        assert not left.exists()
        assert gallery.keep_index() == (kind == "hnsw")
        gallery.remove(["e1"])
        gallery.add([Entry("e2", made_up.vectors(1)[0])], replace=True)
        assert gallery.keep_index() == (kind == "hnsw")
        assert len(gallery) == 8
    assert [(tmp_path / name).read_text() for name in foreign] == ["the user's"] * 6
    assert all((tmp_path / name).is_dir() for name in folders)


def test_an_empty_graph_is_kept_and_filled_later(tmp_path):
    with Gallery.create(tmp_path, MODEL, D, "hnsw") as gallery:
        assert gallery.keep_index()
    with Gallery(tmp_path) as gallery:
        gallery.add(made_up.entries(made_up.vectors(3)))
        assert len(gallery.search(made_up.vectors(1), 5)[0]) == 3


def test_an_exact_index_is_not_kept(tmp_path):
    with Gallery.create(tmp_path, MODEL, D) as gallery:
        gallery.add(made_up.entries(made_up.vectors(3)))
        assert not gallery.keep_index() and not list(tmp_path.glob("*.faiss"))


def test_an_index_that_cannot_be_written_is_told_and_the_entries_are_kept(
    tmp_path, monkeypatch
):
    with Gallery.create(tmp_path, MODEL, D, "hnsw") as gallery:
        gallery.add(made_up.entries(made_up.vectors(3)))
        write = gallery._index.write
        monkeypatch.setattr(gallery._index, "write", lambda path: write("/dev/full"))
        with pytest.raises(errors.UserError, match="the index cannot be written"):
            gallery.keep_index()
    with Gallery(tmp_path) as gallery:
        assert len(gallery) == 3 and not list(tmp_path.glob("*.faiss"))


def test_a_graph_that_is_built_anew_takes_the_kept_ones_place(tmp_path, monkeypatch):
    """Though it goes as far: so with a version that builds anew from a lower share."""
    with Gallery.create(tmp_path, MODEL, D, "hnsw") as gallery:
        gallery.add(made_up.entries(made_up.vectors(40)))
        gallery.search(made_up.vectors(1), 1)
        gallery.remove(["e3"])
        assert gallery.keep_index()
    monkeypatch.setattr(gallery_lib, "REBUILD_SHARE", 0.0)
    with Gallery(tmp_path) as gallery:
        assert gallery._index.removed_share == 1 / 40
        assert gallery.keep_index()
    with Gallery(tmp_path) as gallery:
        assert gallery._index.removed_share == 0
