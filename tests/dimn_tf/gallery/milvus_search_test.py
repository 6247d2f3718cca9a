"""Filtered searches on Milvus against a literal one by numpy."""

import datetime
import itertools

import numpy as np
import pytest

from dimn_tf.gallery import (
    Entry,
    Filter,
    MilvusGallery,
    milvus_collections,
    milvus_search,
)
from tests.dimn_tf.gallery import older_milvus
from tests.dimn_tf.gallery.milvus_filters_test import HOSTILE

D, MODEL, COUNT = 16, "ab" * 32, 420
NAMES = [name for name in HOSTILE if name != "\ud800"]  # Which no entry can have.
CAMERAS = ["door", "hall", *NAMES, None, 7, ["door"], "absent"]
NOON = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
EARLIEST = datetime.datetime.min.replace(tzinfo=datetime.UTC)
LATEST = datetime.datetime.max.replace(tzinfo=datetime.UTC)


def _metadata(i, rng):
    camera = CAMERAS[int(rng.integers(2 * len(CAMERAS))) // 2 if i % 2 else i % 3]
    metadata = {"i": i}
    if i % 11:
        metadata["camera_id"] = camera
    time = NOON + HOUR * int(rng.integers(-9, 10))
    kind = i % 8
    if kind < 4:
        zone = datetime.timezone(HOUR * (kind - 2))
        metadata["seen_at"] = time.astimezone(zone).isoformat()
    elif kind == 4:
        metadata["enrolled_at"] = time.replace(tzinfo=None).isoformat()
    elif kind == 5:
        metadata |= {"seen_at": "noon", "enrolled_at": time.isoformat()}
    elif kind == 6:
        edge = [EARLIEST, LATEST, NOON - datetime.timedelta(microseconds=1)][i % 3]
        metadata["seen_at"] = edge.isoformat()
    return metadata


def _entries(probes):
    """Of which one person's are most alike, and many more than others'."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(COUNT, D)).astype(np.float32)
    vectors[:150] += 2 * probes.mean(axis=0)
    persons = ["crowd"] * 150 + [None, "anna", 'b"o', "日本", "\\"] * 54
    persons[300:] = [f"p{i // 2}" for i in range(120)]
    return [
        Entry(f"e{i}", vector, person, _metadata(i, rng))
        for i, (vector, person) in enumerate(zip(vectors, persons, strict=True))
    ]


def _literal(entries, probe, k, one_per_person, wanted):
    """Ids and scores of the hits."""
    scored = sorted(
        ((float(e.vector @ probe), e) for e in entries), key=lambda s: -s[0]
    )
    found, seen = [], set()
    for score, entry in scored:
        if wanted is not None and not wanted.takes(entry.metadata):
            continue
        if one_per_person and entry.person_id is not None:
            if entry.person_id in seen:
                continue
            seen.add(entry.person_id)
        found.append((entry.entry_id, score))
    return found[:k]


def _build_index(gallery):
    """Has Milvus Lite build it: what is new it compares one by one."""
    client = gallery._client
    client.release_collection("people")  # Else a thread builds it some time later.
    client.flush("people")
    client.load_collection("people")


def _changed(gallery, entries):
    """Adds entries, then removes some and replaces others; what is there then."""
    gallery.add(entries)
    gallery.remove([f"e{i}" for i in range(0, COUNT, 6)])
    renewed = [
        Entry(e.entry_id, -e.vector, entries[-i].person_id, entries[-i].metadata)
        for i, e in enumerate(entries)
        if i % 6 == 1
    ]
    gallery.add(renewed, replace=True)
    return renewed + [e for i, e in enumerate(entries) if i % 6 > 1]


PROBES = np.random.default_rng(1).normal(size=(2, D)).astype(np.float32)


@pytest.fixture(scope="module", params=["exact-new", "exact-built", "hnsw-built"])
def filled(request, tmp_path_factory):
    """A gallery, and what is in it."""
    kind, state = request.param.split("-")
    uri = str(tmp_path_factory.mktemp("milvus") / "m.db")
    with MilvusGallery.create(uri, "people", MODEL, D, kind) as gallery:
        there = _changed(gallery, _entries(PROBES))
        if state == "built":
            _build_index(gallery)
        yield gallery, there


FILTERS = {
    "of all": (None, Filter()),
    "cameras": [
        Filter(frozenset(names))
        for names in (
            {"door"},
            {"door", "hall"},
            {"nowhere"},
            {"7", "None"},
            set(NAMES),
            {"\ud800", "hall"},
            *({name} for name in NAMES),
        )
    ],
    "times": [
        Filter(since=since, until=until)
        for since, until in (
            (NOON, None),
            (None, NOON),
            (NOON - 2 * HOUR, NOON + 2 * HOUR),
            (NOON, NOON + HOUR),
            (NOON + HOUR, NOON + HOUR),
            (NOON + HOUR, NOON - HOUR),
            (EARLIEST, None),
            (None, LATEST),
            (None, EARLIEST),
            (LATEST, None),
        )
    ],
    "both": [
        Filter(frozenset(names), since, until)
        for names, (since, until) in itertools.product(
            ({"door"}, {"hall", 'door"', "absent"}),
            ((NOON, None), (None, NOON), (NOON - 3 * HOUR, NOON + 2 * HOUR)),
        )
    ],
}


@pytest.mark.parametrize("one_per_person", [False, True])
@pytest.mark.parametrize("kind", FILTERS)
def test_it_finds_what_a_literal_search_does(filled, kind, one_per_person, monkeypatch):
    gallery, there = filled
    held = {entry.entry_id: entry for entry in there}
    # Few are looked at here, all of them or by the graph; an exact index needs neither.
    for rows in (1_000, 5) if gallery.index_kind == "hnsw" else (1_000,):
        monkeypatch.setattr(milvus_search, "_ROWS", rows)
        for wanted, k in itertools.product(FILTERS[kind], (1, 7, 1_000)):
            found = gallery.search(PROBES, k, one_per_person, wanted)
            assert len(found) == len(PROBES)
            for probe, hits in zip(PROBES, found, strict=True):
                expected = _literal(there, probe, k, one_per_person, wanted)
                assert [hit.entry_id for hit in hits] == [name for name, _ in expected]
                np.testing.assert_allclose(
                    [hit.score for hit in hits], [s for _, s in expected], 1e-4, 1e-4
                )
                for hit in hits:
                    assert hit.person_id == held[hit.entry_id].person_id
                    assert hit.metadata == held[hit.entry_id].metadata


def test_the_filters_of_these_tests_take_some_and_not_all():
    """Else they would show nothing."""
    entries = _entries(PROBES)
    counts = {
        kind: [sum(w.takes(e.metadata) for e in entries) for w in wanted if w]
        for kind, wanted in FILTERS.items()
    }
    assert counts["of all"] == [COUNT]
    assert 0 in counts["cameras"] and 0 in counts["times"]
    for kind in ("cameras", "times", "both"):
        some = [count for count in counts[kind] if 5 < count < COUNT]
        assert len(some) > len(counts[kind]) / 2
    for name in NAMES:
        assert any(e.metadata.get("camera_id") == name for e in entries)


@pytest.mark.parametrize("most", [1, 2, 7])
def test_passes_for_one_entry_a_person_go_on_behind_a_crowd(filled, most, monkeypatch):
    gallery, there = filled
    monkeypatch.setattr(milvus_search, "_MORE", 1)
    monkeypatch.setattr(milvus_search, "_WIDEST", most)
    for k, wanted in ((3, None), (7, None), (7, Filter(since=NOON))):
        (hits,) = gallery.search(PROBES[:1], k, True, wanted)
        expected = _literal(there, PROBES[0], k, True, wanted)
        assert [hit.entry_id for hit in hits] == [name for name, _ in expected]


@pytest.mark.parametrize(
    ("k", "widths"),
    [
        (3, [96, 32]),
        (200, [4_096, 4_096]),
        (5_000, [5_000, 4_998]),
    ],
)
def test_a_pass_leaves_out_whom_the_one_before_found(k, widths):
    """And what an approximate index finds late stands where it belongs."""
    asked = []

    class Scripted(milvus_search.Search):
        def _complete(self, probes, k, expression):
            asked.append((k, expression))
            names, scores = ("ab", (3, 1)) if len(asked) == 1 else ("cd", (4, 2))
            rows = [
                {
                    "distance": score,
                    "entity": {
                        "person_key": name,
                        "entry_id": name,
                        "person_id": None,
                        "metadata": {},
                    },
                }
                for name, score in zip(names, scores, strict=True)
            ]
            # The first is as long as a pass may be, and of two persons.
            return [(rows * k)[:k] if len(asked) == 1 else rows]

    search = Scripted(None, "name", "people", "hnsw", D)
    hits = search.one_a_person(PROBES[:1], k)
    assert [hit.entry_id for hit in hits] == ["c", "a", "d", "b"][:k]
    assert [hit.score for hit in hits] == [4, 3, 2, 1][:k]
    without = 'person_key not in ["a", "b"]'
    assert asked == list(zip(widths, ("", without), strict=True))


@pytest.mark.parametrize("k", [1, 5, 300])
def test_few_among_many_are_found_though_no_graph_leads_to_them(
    tmp_path, monkeypatch, k
):
    """By its 1 candidate the graph of 3,000 finds none of 12 that are far away."""
    monkeypatch.setitem(
        milvus_collections.INDEXES, "hnsw", ("HNSW", {"M": 4}, {"ef": 1})
    )
    monkeypatch.setattr(milvus_search, "_SPARE", 0)
    monkeypatch.setattr(milvus_search, "_ROWS", 5)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3_000, D)).astype(np.float32)
    probe = vectors[:1]
    far = np.argsort(vectors @ probe[0])[:12]
    entries = [
        Entry(f"e{i}", v, None, {"camera_id": "far" if i in far else "near"})
        for i, v in enumerate(vectors)
    ]
    uri, wanted = str(tmp_path / "m.db"), Filter(frozenset({"far"}))
    with MilvusGallery.create(uri, "people", MODEL, D, "hnsw") as gallery:
        gallery.add(entries)
        _build_index(gallery)
        search = gallery._search
        expression = milvus_search.milvus_filters.expression(wanted)
        (led_to,) = search._ask(probe, k, expression, ("entry_id",))
        assert len(led_to) < min(k, 12)
        (hits,) = gallery.search(probe, k, wanted=wanted)
        expected = _literal(entries, probe[0], k, False, wanted)
        assert [hit.entry_id for hit in hits] == [name for name, _ in expected]


def test_candidates_are_the_more_the_fewer_entries_count(tmp_path, monkeypatch):
    uri = str(tmp_path / "m.db")
    vectors = np.random.default_rng(0).normal(size=(600, D)).astype(np.float32)
    monkeypatch.setattr(milvus_search, "_ROWS", 5)
    asked = []
    with MilvusGallery.create(uri, "people", MODEL, D, "hnsw") as gallery:
        gallery.add(
            [
                Entry(f"e{i}", v, None, {"camera_id": "a" if i < 30 else "b"})
                for i, v in enumerate(vectors)
            ]
        )
        search = gallery._client.search

        def noted(*given, **named):
            asked.append((named["limit"], named["search_params"]["params"]["ef"]))
            return search(*given, **named)

        monkeypatch.setattr(gallery._client, "search", noted)
        for k, camera in ((3, "a"), (20, "a"), (20, "b"), (400, "b"), (16_384, "a")):
            gallery.search(vectors[:1], k, wanted=Filter(frozenset(camera)))
        gallery.search(vectors[:1], 300)
    assert asked == [
        (3, 256),  # 2 x 3 x 600 / 30 = 120 is less than the usual.
        (20, 800),
        (20, 256),
        (400, 842),  # 2 x 400 x 600 / 570.
        (16_384, 32_768),
        (300, 300),
    ]


def test_an_older_collection_goes_on_as_before(tmp_path, monkeypatch):
    uri = str(tmp_path / "m.db")
    entries = _entries(PROBES)
    with older_milvus.make(uri, "people", MODEL, D) as gallery:
        assert gallery.filters_all is False
        there = _changed(gallery, entries)
    # Enrolling into it opens it so.
    with MilvusGallery.create(uri, "people", MODEL, D) as gallery:
        assert gallery.filters_all is False and len(gallery) == len(there)
        gallery.add([Entry("more", PROBES[0] * 9, "zoe", {"camera_id": 'door"'})])
        there = [*there, Entry("more", PROBES[0] * 9, "zoe", {"camera_id": 'door"'})]
        for one_per_person, wanted in itertools.product(
            (False, True), (None, *FILTERS["both"], Filter(frozenset({'door"'})))
        ):
            (hits,) = gallery.search(PROBES[:1], 7, one_per_person, wanted)
            expected = _literal(there, PROBES[0], 7, one_per_person, wanted)
            assert [hit.entry_id for hit in hits] == [name for name, _ in expected]
        # But it looks no further than it may.
        monkeypatch.setattr(gallery, "largest_k", 10)
        (hits,) = gallery.search(PROBES[:1], 7, False, Filter(frozenset({"hall"})))
        best = _literal(there, PROBES[0], 10, False, None)
        of_hall = {e.entry_id for e in there if e.metadata.get("camera_id") == "hall"}
        assert [h.entry_id for h in hits] == [n for n, _ in best if n in of_hall]
    with MilvusGallery.create(uri, "others", MODEL, D) as gallery:
        assert gallery.filters_all is True
