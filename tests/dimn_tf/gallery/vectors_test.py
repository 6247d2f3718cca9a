"""The vectors that a gallery hands out, wherever it keeps them."""

import contextlib
import itertools
import sqlite3

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.gallery import (
    Entry,
    Gallery,
    MilvusGallery,
    indexes,
    milvus_collections,
    store,
)

D, MODEL = 16, "ab" * 32
PLACES = [
    *itertools.product(["folder"], indexes.INDEXES, store.VECTOR_TYPES),
    *itertools.product(["milvus"], milvus_collections.INDEXES, ["float32"]),
]


def _vectors(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, D)).astype(np.float32)


def _entries(vectors, start=0):
    return [Entry(f"e{start + i}", v) for i, v in enumerate(vectors)]


@pytest.fixture(params=PLACES, ids="-".join)
def kept(request, tmp_path):
    """A gallery of every kind, and what its storage makes of vectors."""
    place, index, vector_type = request.param
    if place == "folder":
        made = Gallery.create(tmp_path / "g", MODEL, D, index, vector_type)
    else:
        made = MilvusGallery.create(str(tmp_path / "m.db"), "people", MODEL, D, index)
    with made:
        yield made, lambda vectors: vectors.astype(vector_type).astype(np.float32)


def test_vectors_come_back_as_they_are_kept_in_the_order_asked_for(kept):
    gallery, stored = kept
    vectors = _vectors(40)
    gallery.add(_entries(vectors))
    order = [7, 0, 39, 7, 12]
    found = gallery.vectors([f"e{i}" for i in order])
    assert found.dtype == np.float32 and found.shape == (5, D)
    np.testing.assert_array_equal(found, stored(vectors)[order])
    found[:] = 0  # The caller's own.
    np.testing.assert_array_equal(gallery.vectors(["e7"]), stored(vectors)[[7]])
    # What a search scores by.
    probe = _vectors(1, seed=1)
    hits = gallery.search(probe, 40)[0]
    scores = gallery.vectors([hit.entry_id for hit in hits]) @ probe[0]
    np.testing.assert_allclose(scores, [hit.score for hit in hits], atol=0.01)


def test_no_id_gives_no_vector(kept):
    gallery, _ = kept
    for _ in range(2):
        found = gallery.vectors([])
        assert found.dtype == np.float32 and found.shape == (0, D)
        gallery.add(_entries(_vectors(1)))
        gallery.remove(["e0"])


def test_what_was_replaced_and_removed_meanwhile(kept):
    gallery, stored = kept
    vectors = _vectors(5)
    gallery.add(_entries(vectors[:4]))
    gallery.search(vectors[:1], 1)
    gallery.add([Entry("e2", vectors[4])], replace=True)
    gallery.remove(["e1"])
    np.testing.assert_array_equal(
        gallery.vectors(["e3", "e2"]), stored(vectors)[[3, 4]]
    )
    with pytest.raises(
        errors.UserError, match="2 entry ids are not there: 'e1', 'no'.*search again"
    ):
        gallery.vectors(["e0", "e1", "no", "e1"])
    for name in ("", None, "caf\udce9"):
        with pytest.raises(errors.UserError, match="must be text"):
            gallery.vectors(["e0", name])


def test_many_go_in_several_requests(kept, monkeypatch):
    gallery, stored = kept
    vectors = _vectors(90)
    gallery.add(_entries(vectors))
    monkeypatch.setattr(store, "_VARIABLES", 7)
    monkeypatch.setattr(milvus_collections, "REQUEST_BYTES", 4 * D * 7)
    order = np.random.default_rng(2).permutation(90)
    found = gallery.vectors([f"e{i}" for i in order])
    np.testing.assert_array_equal(found, stored(vectors)[order])


def test_requests_to_milvus_ask_strongly_and_for_no_more_than_they_hold(
    tmp_path, monkeypatch
):
    asked = []
    with MilvusGallery.create(str(tmp_path / "m.db"), "people", MODEL, D) as gallery:
        gallery.add(_entries(_vectors(40)))
        get = gallery._client.get

        def noted(name, **given):
            asked.append(given)
            return get(name, **given)

        monkeypatch.setattr(gallery._client, "get", noted)
        names = [f"e{i}" for i in range(40)]
        for limit, sizes in ((4 * D * 15, [15, 15, 10]), (1, [1] * 40)):
            monkeypatch.setattr(milvus_collections, "REQUEST_BYTES", limit)
            gallery.vectors(names)
            assert [len(given["ids"]) for given in asked] == sizes
            assert {given["consistency_level"] for given in asked} == {"Strong"}
            asked.clear()


def test_a_reader_sees_one_state_while_a_writer_replaces(tmp_path, monkeypatch):
    vectors = _vectors(8)
    monkeypatch.setattr(store, "_VARIABLES", 2)
    names = [f"e{i}" for i in range(4)]
    with Gallery.create(tmp_path, MODEL, D) as writer, Gallery(tmp_path) as reader:
        writer.add(_entries(vectors[:4]))
        select, read = store.Store._select, reader._store._file.read

        def overtaken(query, values=()):
            found = read(query, values)
            monkeypatch.undo()
            monkeypatch.setattr(store, "_VARIABLES", 2)
            writer.add(_entries(vectors[4:]), replace=True)
            return found

        def first(self, *given):
            monkeypatch.setattr(reader._store._file, "read", overtaken)
            return select(self, *given)

        monkeypatch.setattr(store.Store, "_select", first)
        np.testing.assert_array_equal(reader.vectors(names), vectors[:4])
        np.testing.assert_array_equal(reader.vectors(names), vectors[4:])


def test_a_stored_vector_of_another_length_is_named(tmp_path):
    with Gallery.create(tmp_path, MODEL, D) as gallery:
        gallery.add(_entries(_vectors(3)))
        with contextlib.closing(sqlite3.connect(tmp_path / store.FILE)) as file, file:
            file.execute("UPDATE entries SET vector = X'00' WHERE entry_id = 'e1'")
        assert gallery.vectors(["e0", "e2"]).shape == (2, D)
        with pytest.raises(errors.UserError, match="entry 2 is no 64 bytes.*backup"):
            gallery.vectors(["e0", "e1", "e2"])
