"""The gallery against brute force, hostile input, and a second process."""

import concurrent.futures
import contextlib
import datetime
import os
import shutil
import sqlite3

import numpy as np
import pytest

from dimn_tf import errors, progress
from dimn_tf.gallery import Entry, Filter, Gallery, indexes, store
from tests.dimn_tf.gallery import made_up

D, MODEL = made_up.D, made_up.MODEL


@pytest.fixture(params=indexes.INDEXES)
def gallery(request, tmp_path):
    with Gallery.create(tmp_path / "g", MODEL, D, request.param) as made:
        yield made


def test_finds_what_brute_force_finds_after_adding_and_removing(gallery):
    vectors, probes = made_up.vectors(300), made_up.vectors(7, seed=1)
    gallery.add(made_up.entries(vectors[:200]))
    assert made_up.ids(gallery.search(probes, 5)) == made_up.brute(
        vectors[:200], probes, 5
    )
    gallery.add(made_up.entries(vectors[200:], start=200))
    found = gallery.search(probes, 5)
    assert made_up.ids(found) == made_up.brute(vectors, probes, 5)
    best = vectors @ probes[0]
    np.testing.assert_allclose(found[0][0].score, best.max(), rtol=2e-3)
    gone = sorted({name for row in made_up.ids(found) for name in row})
    gallery.remove(gone)
    kept = vectors.copy()
    kept[[int(name[1:]) for name in gone]] = 0  # Below every best score.
    assert made_up.ids(gallery.search(probes, 5)) == made_up.brute(kept, probes, 5)
    assert len(gallery) == 300 - len(gone) and gone[0] not in gallery


def test_opened_again_it_is_the_same(gallery):
    vectors, probes = made_up.vectors(50), made_up.vectors(3, seed=1)
    gallery.add(made_up.entries(vectors))
    gallery.remove(["e3", "e4"])
    gallery.add([Entry("e3", vectors[3])])  # An id may come back.
    first = gallery.search(probes, 9)
    with Gallery(gallery.folder, MODEL) as again:
        assert again.search(probes, 9) == first
        assert first[0][0].metadata == {"i": int(first[0][0].entry_id[1:])} or (
            first[0][0].entry_id == "e3"
        )


@pytest.mark.parametrize(
    "use",
    [
        len,
        lambda gallery: gallery.search(made_up.vectors(1), 1),
        lambda gallery: gallery.add(made_up.entries(made_up.vectors(1), start=7)),
        lambda gallery: gallery.remove(["e0"]),
        lambda gallery: gallery.close(),
    ],
    ids=["len", "search", "add", "remove", "close"],
)
def test_another_thread_is_told_to_open_its_own(use, tmp_path):
    with Gallery.create(tmp_path / "g", MODEL, D) as gallery:
        gallery.add(made_up.entries(made_up.vectors(3)))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            with pytest.raises(errors.UserError, match="Open one for each thread"):
                pool.submit(use, gallery).result()

            def own():
                with Gallery(tmp_path / "g", MODEL) as opened:
                    return len(opened)

            assert pool.submit(own).result() == 3
        assert len(gallery) == 3  # Nothing of it is left begun.
        gallery.add(made_up.entries(made_up.vectors(1), start=3))


def test_one_entry_a_person(gallery):
    # Scores 9, 8, ... of persons 0 0 0 0 1 1 2 None None 0.
    vectors = np.zeros((10, D))
    vectors[:, 0] = np.arange(9, -1, -1) + 0.5
    persons = [0, 0, 0, 0, 1, 1, 2, 3, 4, 0]
    entries = made_up.entries(vectors, persons=persons)
    entries[7:9] = [Entry(f"e{i}", vectors[i]) for i in (7, 8)]
    gallery.add(entries)
    probe = np.eye(1, D)
    hits = gallery.search(probe, 4, one_per_person=True)[0]
    assert [(hit.entry_id, hit.person_id) for hit in hits] == [
        ("e0", "p0"), ("e4", "p1"), ("e6", "p2"), ("e7", None),
    ]  # fmt: skip
    assert made_up.ids(gallery.search(probe, 99, one_per_person=True)) == [
        ["e0", "e4", "e6", "e7", "e8"]
    ]


def test_an_empty_gallery_finds_nothing(gallery):
    assert gallery.search(made_up.vectors(2), 5) == [[], []]
    gallery.add(made_up.entries(made_up.vectors(3)))
    assert [len(row) for row in gallery.search(made_up.vectors(2), 5)] == [3, 3]
    assert gallery.search(np.zeros((0, D)), 5) == []


def test_readers_see_what_a_writer_acknowledged(gallery):
    vectors, probes = made_up.vectors(40), made_up.vectors(2, seed=1)
    with Gallery(gallery.folder) as reader:
        for start in range(0, 40, 10):
            gallery.add(made_up.entries(vectors[start : start + 10], start))
            found = made_up.ids(reader.search(probes, 3))
            assert found == made_up.brute(vectors[: start + 10], probes, 3)
        gallery.remove([found[0][0]])
        assert found[0][0] not in made_up.ids(reader.search(probes, 3))[0]


@pytest.mark.parametrize(
    ("vector", "said"),
    [
        (np.ones(D + 1), r"shape \(1, 17\).*\[n, 16\]"),
        (np.full(D, np.nan), "'bad'.*|not finite"),
        (np.full(D, np.inf), "not finite"),
        (np.zeros(D), "zero"),
        (np.array(["x"] * D), "real numbers"),
    ],
)
def test_bad_vectors_are_refused_and_nothing_is_added(tmp_path, vector, said):
    gallery = Gallery.create(tmp_path, MODEL, D)
    with pytest.raises(errors.UserError, match=said):
        gallery.add([Entry("bad", vector)])
    with pytest.raises(errors.UserError, match=said.replace("'bad'.*|", "")):
        gallery.search(vector[np.newaxis])
    mixed = [Entry("good", np.ones(D)), Entry("bad", vector)]
    with pytest.raises(errors.UserError):
        gallery.add(mixed)
    assert len(gallery) == 0


def test_ids_are_refused_twice(tmp_path):
    gallery = Gallery.create(tmp_path, MODEL, D)
    gallery.add(made_up.entries(made_up.vectors(3)))
    with pytest.raises(errors.UserError, match="1 entry ids are there.*'e2'"):
        gallery.add(made_up.entries(made_up.vectors(2), start=2))
    with pytest.raises(errors.UserError, match="1 entry ids twice: 'a'"):
        gallery.add([Entry("a", np.ones(D)), Entry("a", np.ones(D))])
    for name in ("", "caf\udce9.png", None, 3):
        with pytest.raises(errors.UserError, match="not empty"):
            gallery.add([Entry(name, np.ones(D))])
    with pytest.raises(errors.UserError, match="must be text"):
        gallery.add([Entry("fine", np.ones(D), "caf\udce9")])
    with pytest.raises(errors.UserError, match="must be text"):
        gallery.remove(["caf\udce9.png"])
    with pytest.raises(errors.UserError, match="1 entry ids are not there: 'e9'"):
        gallery.remove(["e0", "e9"])
    with pytest.raises(errors.UserError, match="nothing that JSON can hold"):
        gallery.add([Entry("b", np.ones(D), None, {"x": object()})])
    assert len(gallery) == 3


def test_another_models_vectors_are_refused(tmp_path):
    Gallery.create(tmp_path, MODEL, D).close()
    with pytest.raises(errors.UserError, match="come from the model abababab"):
        Gallery(tmp_path, "cd" * 32)
    with pytest.raises(errors.UserError, match="dimension 16, not 17"):
        Gallery.create(tmp_path, MODEL, D + 1)
    with pytest.raises(errors.UserError, match="index exact, not hnsw"):
        Gallery.create(tmp_path, MODEL, D, "hnsw")
    with pytest.raises(errors.UserError, match="expected one of exact"):
        Gallery.create(tmp_path / "new", MODEL, D, "tree")
    for model, dimension in ((MODEL, 0), ("", D)):
        with pytest.raises(errors.UserError, match="needs its model's hash and dim"):
            Gallery.create(tmp_path / "new", model, dimension)
    assert not (tmp_path / "new").exists()


def test_a_gallery_that_is_refused_leaves_no_file_open(tmp_path):
    Gallery.create(tmp_path / "fine", MODEL, D).close()
    for name, statement in (
        ("later", "UPDATE facts SET value = '2' WHERE name = 'format'"),
        ("foreign", "DROP TABLE facts"),
    ):
        Gallery.create(tmp_path / name, MODEL, D).close()
        path = tmp_path / name / "gallery.sqlite"
        with contextlib.closing(sqlite3.connect(path)) as file, file:
            file.execute(statement)
    caught = []  # Errors hold what was open when they were raised.
    for refused, said in (
        (lambda: Gallery(tmp_path / "fine", "cd" * 32), "come from the model"),
        (
            lambda: Gallery.create(tmp_path / "fine", MODEL, D + 1),
            "dimension 16, not",
        ),
        (lambda: Gallery(tmp_path / "later"), "has format 2, this version reads 1"),
        (lambda: Gallery(tmp_path / "foreign"), "is no gallery"),
    ):
        with pytest.raises(errors.UserError, match=said) as error:
            refused()
        caught.append(error)
        links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
        places = [os.readlink(link) for link in links if os.path.islink(link)]
        assert not [place for place in places if place.startswith(str(tmp_path))]


def test_no_gallery_and_broken_ones_are_named(tmp_path):
    with pytest.raises(errors.UserError, match="there is no gallery"):
        Gallery(tmp_path)
    (tmp_path / "gallery.sqlite").write_bytes(b"something else " * 100)
    with pytest.raises(errors.UserError, match="is no gallery"):
        Gallery(tmp_path)


def test_vectors_can_be_kept_in_half_the_space(tmp_path):
    vectors = made_up.vectors(30)
    gallery = Gallery.create(tmp_path, MODEL, D, vector_type="float16")
    gallery.add(made_up.entries(vectors))
    probes = made_up.vectors(3, seed=1)
    found = gallery.search(probes, 1)
    expected = (probes @ vectors.T).max(axis=1)
    np.testing.assert_allclose([r[0].score for r in found], expected, rtol=2e-3)


def test_what_is_indexed_is_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "_SHORT_SECONDS", 0.0)
    with Gallery.create(tmp_path / "people", MODEL, D) as gallery:
        gallery.add(made_up.entries(made_up.vectors(7)))
        gallery.search(made_up.vectors(1), 1)
        gallery.add(made_up.entries(made_up.vectors(5), start=7))
        gallery.search(made_up.vectors(1), 1)
    shown = capsys.readouterr()
    assert "people: indexing: 7/7 entries, " in shown.err
    assert "people: indexing: 5/5 entries, " in shown.err
    assert shown.out == ""


def test_a_graph_finds_past_what_was_removed_and_is_built_anew(tmp_path):
    # 3,000 in clusters: the nearest of a probe are what is removed.
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(30, D))
    vectors = np.repeat(centres, 100, axis=0) + 0.3 * rng.normal(size=(3_000, D))
    vectors = vectors.astype(np.float32)
    probes = centres[:3].astype(np.float32)
    with Gallery.create(tmp_path, MODEL, D, "hnsw") as gallery:
        gallery.add(made_up.entries(vectors))
        gallery.search(probes, 1)  # All are in the graph.
        for share in (0.09, 0.2):
            order = np.argsort(-(probes[0] @ vectors.T))[: int(share * 3_000)]
            gone = [f"e{i}" for i in order if f"e{i}" in gallery]
            gallery.remove(gone)
            kept = np.delete(np.arange(3_000), order)
            expected = [
                [f"e{kept[i]}" for i in row]
                for row in np.argsort(-(probes @ vectors[kept].T), axis=1)[:, :10]
            ]
            found = made_up.ids(gallery.search(probes, 10))
            right = [len({*a} & {*b}) for a, b in zip(found, expected, strict=True)]
            assert sum(right) >= 29
            assert len(gallery.search(probes, 2_000)[0]) == 2_000
            gallery.keep_index()
            rebuilt = share > 0.1
            assert (gallery._index.removed_share == 0) == rebuilt


def test_an_interrupted_indexing_adds_nothing_twice(tmp_path, monkeypatch):
    vectors, probes = made_up.vectors(9), made_up.vectors(3, seed=1)
    monkeypatch.setattr(store, "_READ_AT_A_TIME", 2)
    with Gallery.create(tmp_path, MODEL, D, "hnsw") as gallery:
        gallery.add(made_up.entries(vectors))
        gallery.remove(["e0"])
        between = store.Store.vectors_between

        def interrupted(self, after, last):
            for i, block in enumerate(between(self, after, last)):
                if i == 2:
                    raise KeyboardInterrupt
                yield block

        monkeypatch.setattr(store.Store, "vectors_between", interrupted)
        with pytest.raises(KeyboardInterrupt):
            gallery.search(probes, 9)
        monkeypatch.setattr(store.Store, "vectors_between", between)
        hits = gallery.search(probes, 9)
        expected = [
            [n for n in row if n != "e0"] for row in made_up.brute(vectors, probes, 9)
        ]
        assert made_up.ids(hits) == expected and len(gallery._index) == 8


def test_an_entry_takes_the_place_of_another(gallery):
    vectors = made_up.vectors(20)
    gallery.add(made_up.entries(vectors[:10], persons=range(10)))
    gallery.search(vectors[:1], 1)
    new = [Entry("e3", vectors[13], "anna", {"x": 1}), Entry("e12", vectors[12])]
    with pytest.raises(errors.UserError, match="1 entry ids are there.*Replace or"):
        gallery.add(new)
    assert len(gallery) == 10
    gallery.add(new, replace=True)
    assert len(gallery) == 11
    kept = np.concatenate([vectors[:3], vectors[13:14], vectors[4:10], vectors[12:13]])
    names = [*(f"e{i}" for i in range(10)), "e12"]
    for reader in (gallery, Gallery(gallery.folder)):
        found = reader.search(vectors[3:4], 11)[0]
        order = np.argsort(-(kept @ vectors[3]))
        assert [hit.entry_id for hit in found] == [names[i] for i in order]
        known = reader.known(["e3", "e4", "e12", "e11"])
        assert {k: v.person_id for k, v in known.items()} == {
            "e3": "anna", "e4": "p4", "e12": None
        }  # fmt: skip
        assert known["e3"].metadata == {"x": 1} and known["e4"].entry_id == "e4"


def test_a_gallery_and_its_copies_have_an_identity_and_no_other(tmp_path):
    with Gallery.create(tmp_path / "a", MODEL, D) as first:
        identity = first.identity
        assert len(identity) == 32 and first.give_identity() == identity
    with Gallery.create(tmp_path / "b", MODEL, D) as other:
        assert other.identity not in (identity, None)
    Gallery.create(tmp_path / "a", MODEL, D).close()  # It is there.
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    for name in ("a", "copy"):
        with Gallery(tmp_path / name) as again:
            assert again.identity == identity


def test_an_older_gallery_is_given_an_identity_once_and_whoever_writes(tmp_path):
    _changed(tmp_path / "g", "DELETE FROM facts WHERE name = 'identity'")
    with Gallery(tmp_path / "g") as reader, Gallery(tmp_path / "g") as second:
        assert reader.identity is None
        with second._writing():
            identity = reader.give_identity()
        assert identity == second.identity == second.give_identity()
        assert len(reader) == 2 and len(identity) == 32


def _changed(folder, *statements):
    """A gallery of two entries, its file changed by hand."""
    with Gallery.create(folder, MODEL, D) as made:
        made.add(made_up.entries(made_up.vectors(2)))
    with contextlib.closing(sqlite3.connect(folder / store.FILE)) as file:
        for statement in statements:
            file.execute(statement)
        file.commit()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM facts WHERE name = 'model_sha256'", "model_sha256 is nothing"),
        ("DELETE FROM facts WHERE name = 'index'", "index is nothing"),
        ("DELETE FROM facts WHERE name = 'vector_type'", "vector_type is nothing"),
        ("UPDATE facts SET value = 'int8' WHERE name = 'vector_type'", "'int8'"),
        ("UPDATE facts SET value = 'ivf' WHERE name = 'index'", "index is 'ivf'"),
        ("UPDATE facts SET value = 'many' WHERE name = 'dimension'", "'many'"),
        ("UPDATE facts SET value = '0' WHERE name = 'dimension'", "'0'"),
        (f"UPDATE facts SET value = '{10**20}' WHERE name = 'dimension'", "000'"),
        ("UPDATE facts SET value = X'ff' WHERE name = 'index'", r"b'\\xff'"),
        ("DROP TABLE entries", "no such table: entries"),
        ("DROP TABLE removals", "no such table: removals"),
        ("ALTER TABLE entries RENAME vector TO v", "no such column: vector"),
        ("UPDATE entries SET vector = X'00'", "vector of its entry 1 is no 64 bytes"),
        ("UPDATE entries SET vector = X''", "vector of its entry 1 is no 64 bytes"),
        ("UPDATE entries SET vector = 'text'", "vector of its entry 1"),
        ("UPDATE entries SET metadata = '{'", "metadata of its entry . are no JSON"),
        ("UPDATE entries SET metadata = '[]'", "metadata of its entry . are no JSON"),
        ("UPDATE entries SET person_id = CAST(X'ff41' AS TEXT)", "UTF-8"),
    ],
)
def test_a_file_of_another_form_is_named_in_one_line(tmp_path, statement, said):
    _changed(tmp_path / "g", statement)
    with pytest.raises(errors.UserError, match=said) as caught:
        with Gallery(tmp_path / "g") as gallery:
            gallery.search(made_up.vectors(1), 2)
            gallery.remove(["e0"])
    assert store.FILE in str(caught.value) and "\n" not in str(caught.value)
    assert "estore it from a backup" in str(caught.value)


def test_a_known_entry_of_another_form_is_named(tmp_path):
    _changed(tmp_path / "g", "UPDATE entries SET metadata = 'x'")
    with Gallery(tmp_path / "g") as gallery:
        with pytest.raises(errors.UserError, match="metadata of its entry . are no"):
            gallery.known(["e0", "e1"])


def _literal(held, probe, k, one_per_person, wanted, half):
    """Entry ids by looking at each of (vector, person, metadata) by id."""
    scores = {}
    for name, (vector, _, metadata) in held.items():
        if wanted is None or wanted.takes(metadata):
            stored = vector.astype(np.float16) if half else vector
            scores[name] = float(stored.astype(np.float32) @ probe)
    found, seen = [], set()
    for name in sorted(scores, key=scores.get, reverse=True):
        person = held[name][1]
        if not one_per_person or person is None or person not in seen:
            seen.add(person)
            found.append(name)
    return found[:k]


def test_filtered_searches_are_exact_whatever_was_changed_before(gallery):
    """Against looking at every entry, on each kind of index, and after each change."""
    rng, day = np.random.default_rng(0), datetime.datetime(2026, 11, 29)
    vectors, held, half = made_up.vectors(600), {}, "16" in gallery.index_kind
    made = iter(range(600))

    def entry(name):
        i = next(made)
        metadata = {"seen_at": (day + datetime.timedelta(hours=i)).isoformat()}
        if i % 5:
            metadata["camera_id"] = ["door", "hall", "rare"][min(2, rng.integers(40))]
        if i % 11 == 0:
            metadata = {}
        person = None if i % 6 == 0 else f"p{rng.integers(12)}"
        held[name] = (vectors[i], person, metadata)
        return Entry(name, vectors[i], person, metadata)

    wanted = [
        None,
        Filter(),
        *(Filter(frozenset({name})) for name in ("door", "hall", "rare", "none")),
        Filter(since=day + datetime.timedelta(hours=200)),
        Filter(
            frozenset({"door", "rare"}),
            until=day + datetime.timedelta(hours=90),
        ),
    ]

    def check(opened):
        for probe in made_up.vectors(2, seed=int(rng.integers(99))):
            for asked in wanted:
                for k, one in ((3, False), (3, True), (500, False), (500, True)):
                    (hits,) = opened.search(probe[np.newaxis], k, one, asked)
                    expected = _literal(held, probe, k, one, asked, half)
                    assert [hit.entry_id for hit in hits] == expected
                    assert all(hit.person_id == held[hit.entry_id][1] for hit in hits)

    gallery.add([entry(f"e{i}") for i in range(300)])
    check(gallery)
    with Gallery(gallery.folder) as reader:
        check(reader)
        gone = [f"e{i}" for i in range(0, 300, 3)]
        gallery.remove(gone)
        for name in gone:
            del held[name]
        check(gallery)
        gallery.add([entry(f"e{i}") for i in range(1, 300, 30)], replace=True)
        gallery.add([entry(f"e{i}") for i in range(300, 400)])
        check(reader)
    check(gallery)
    gallery.keep_index()
    with Gallery(gallery.folder) as again:
        check(again)


def test_an_empty_gallery_has_nobody_who_is_wanted(gallery):
    for one in (False, True):
        assert gallery.search(made_up.vectors(2), 5, one, Filter()) == [[], []]
        assert gallery.search(np.zeros((0, D)), 5, one, Filter()) == []
