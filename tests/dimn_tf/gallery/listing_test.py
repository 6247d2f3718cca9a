"""Pages, a person's entries and searches that pass over some: on every backend."""

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.gallery import (
    Entry,
    Filter,
    Gallery,
    base,
    milvus_gallery,
    store,
)
from tests.dimn_tf.gallery import kinds

D, MODEL = 8, "ab" * 32


@pytest.fixture(params=["exact", "hnsw", "milvus"])
def gallery(request, tmp_path):
    """23 entries of five persons and none, by two cameras; three were removed."""
    vectors = np.zeros((26, D), np.float32)
    vectors[:, 0] = np.arange(26, 0, -1)
    vectors[:, 1] = 1
    with kinds.create(request.param, tmp_path, MODEL, D) as made:
        made.add(
            [
                Entry(
                    f"e/{i}",
                    vector,
                    ["anna", "bo", "c'y \"\\", None, "日本"][i % 5],
                    {"camera_id": str(i % 2), "i": i},
                )
                for i, vector in enumerate(vectors)
            ]
        )
        made.remove(["e/0", "e/7", "e/25"])
        yield made


THERE = [i for i in range(26) if i not in (0, 7, 25)]


@pytest.mark.parametrize("limit", [1, 5, 22, 23, 24, 1000])
def test_page_by_page_every_entry_is_seen_once(gallery, limit):
    seen, after, pages = [], "", 0
    while True:
        page = gallery.page(after, limit)
        assert len(page.entries) <= limit
        seen += page.entries
        after, pages = page.next, pages + 1
        if not after:
            break
    assert pages in (-(-23 // limit), 23 // limit + 1)
    assert sorted(known.metadata["i"] for known in seen) == THERE
    expected = gallery.known([known.entry_id for known in seen])
    assert {known.entry_id: known for known in seen} == expected
    assert gallery.page("", limit) == gallery.page("", limit)


def test_what_comes_between_two_pages_shifts_no_other(gallery):
    first = gallery.page("", 10)
    names = [known.entry_id for known in first.entries]
    gallery.remove(names[3:5])
    rest = gallery.page(first.next, 100).entries
    assert len(rest) == 13 and not {known.entry_id for known in rest} & {*names}


def test_a_place_that_no_page_told_is_refused(gallery):
    for after in ("x", "-1", "1 or 1", '"', "9" * 40, "²"):
        with pytest.raises(errors.UserError, match="is no place in its entries"):
            gallery.page(after)


def test_a_persons_entries(gallery):
    assert sorted(gallery.entries_of("anna")) == ["e/10", "e/15", "e/20", "e/5"]
    assert sorted(gallery.entries_of("c'y \"\\")) == [
        "e/12", "e/17", "e/2", "e/22",
    ]  # fmt: skip
    assert gallery.entries_of("nobody") == gallery.entries_of("") == []


@pytest.mark.parametrize("at_a_time", [1, 4, 1_000])
def test_a_walk_over_entries_goes_on_behind_a_page(gallery, at_a_time, monkeypatch):
    """Removals by the command go by it: what it misses stays on disk."""
    monkeypatch.setattr(base, "_AT_A_TIME", at_a_time)
    assert sorted(known.metadata["i"] for known in gallery.each()) == THERE
    assert sorted(gallery.entries_of("anna")) == ["e/10", "e/15", "e/20", "e/5"]


@pytest.mark.parametrize(
    "gallery", ["exact", "hnsw", "milvus", "older milvus"], indirect=True
)
@pytest.mark.parametrize("at_a_time", [2, 1_000])
@pytest.mark.parametrize("limit", [1, 3, 4, 100])
@pytest.mark.parametrize("person", ["anna", "c'y \"\\", "日本", "nobody"])
def test_a_persons_entries_page_by_page(gallery, person, limit, at_a_time, monkeypatch):
    monkeypatch.setattr(milvus_gallery, "_KEYS_AT_A_TIME", at_a_time)
    seen, after = [], ""
    while True:
        page = gallery.page(after, limit, person)
        assert len(page.entries) <= limit
        assert {known.person_id for known in page.entries} <= {person}
        seen += [known.entry_id for known in page.entries]
        after = page.next
        if not after:
            break
    persons = gallery.persons()
    expected = sorted(e for e, owner in persons.items() if owner == person)
    assert sorted(seen) == expected


@pytest.mark.parametrize("gallery", ["milvus"], indirect=True)
@pytest.mark.parametrize("person", ["anna", "c'y \"\\", "nobody"])
def test_milvus_gives_a_persons_rows_alone(gallery, person, monkeypatch):
    given, after = [], gallery._after

    def noted(*asked):
        given.extend(part := after(*asked))
        return part

    monkeypatch.setattr(gallery, "_after", noted)
    assert len(gallery.page("", 100, person).entries) == len(given)
    assert {row["person_id"] for row in given} <= {person}


@pytest.mark.parametrize(
    "gallery", ["exact", "hnsw", "milvus", "older milvus"], indirect=True
)
def test_a_search_goes_past_what_is_not_wanted(gallery):
    probe = np.eye(1, D, dtype=np.float32)

    def found(k, *cameras, **more):
        wanted = Filter(frozenset(cameras))
        return [
            hit.metadata["i"]
            for hit in gallery.search(probe, k, wanted=wanted, **more)[0]
        ]

    odd = [i for i in THERE if i % 2]
    assert found(3, "1") == odd[:3]
    assert found(99, "1") == odd
    assert found(99, "0", "1") == found(99) == THERE
    assert found(3, "2") == []
    assert found(4) == THERE[:4]
    # The best entry of each person that is wanted, and no other of hers.
    assert found(3, "0", one_per_person=True) == [2, 4, 6]
    two = gallery.search(np.repeat(probe, 2, 0), 2, wanted=Filter(frozenset("1")))
    assert two[0] == two[1] and len(two) == 2


@pytest.mark.parametrize("gallery", ["older milvus"], indirect=True)
@pytest.mark.parametrize("one_per_person", [False, True])
def test_without_filters_a_search_looks_no_further_than_it_may(
    gallery, one_per_person, monkeypatch
):
    probe, widths, hits = np.eye(1, D, dtype=np.float32), [], gallery._hits

    def counted(probes, k):
        widths.append(k)
        return hits(probes, k)

    monkeypatch.setattr(gallery, "_hits", counted)

    def found(k, camera, largest):
        monkeypatch.setattr(gallery, "largest_k", largest)
        wanted = Filter(frozenset({camera}))
        (row,) = gallery.search(probe, k, one_per_person, wanted)
        return [hit.metadata["i"] for hit in row]

    assert found(2, "0", 3) == [2] and max(widths) == 3
    assert found(2, "0", 4) == [2, 4] and max(widths) == 4
    assert found(1, "2", 6) == [] and max(widths) == 6


def test_a_gallery_counts_its_entries_once(tmp_path, monkeypatch):
    """Over a million, counting takes a while, and /readyz is asked every second."""
    gallery = Gallery.create(tmp_path, MODEL, D)
    entries = [Entry(f"e{i}", np.full(D, i + 1)) for i in range(9)]
    read, asked = gallery._store._file.read, []

    def counted(query, values=()):
        asked.append(query)
        return read(query, values)

    monkeypatch.setattr(gallery._store._file, "read", counted)
    with gallery, Gallery(tmp_path) as other:
        assert len(gallery) == 0
        gallery.add(entries[:4])
        assert len(gallery) == len(other) == 4
        other.add(entries[4:])
        other.remove(["e0", "e5"])
        assert len(gallery) == len(other) == 7
        gallery.add(entries[1:3], replace=True)
        with pytest.raises(errors.UserError):
            gallery.add([entries[0], entries[1]])
        assert len(gallery) == len(other) == len(gallery.persons()) == 7
    assert sum("COUNT(*) FROM entries" in query for query in asked) == 1


def test_an_index_is_prepared_by_and_by_before_the_first_search(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "_READ_AT_A_TIME", 4)
    with Gallery.create(tmp_path, MODEL, D, "hnsw") as gallery:
        gallery.add([Entry(f"e{i}", np.eye(1, D)[0] * (i + 1)) for i in range(10)])
        gallery.remove(["e9"])
        assert gallery.prepare() is False and len(gallery._index) == 4
        gallery.add([Entry("late", np.full(D, 9.0))])
        held = []
        while not gallery.prepare():
            held.append((len(gallery._index), len(gallery._facts)))
        assert held == [(8, 0), (10, 0), (10, 4), (10, 8), (10, 10)]
        # The searches build nothing.
        monkeypatch.setattr(gallery._index, "add", None)
        monkeypatch.setattr(gallery._facts, "add", None)
        (hits,) = gallery.search(np.eye(1, D, dtype=np.float32), 20)
        assert {hit.score for hit in hits} == set(range(1, 10)) and len(hits) == 10
        assert gallery.search(np.eye(1, D), 20, True)[0] == hits
        assert gallery.prepare() is True
