"""The gallery's contract on Milvus Lite; `gallery_test.py` has the folder's."""

import logging
import subprocess
import sys

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.gallery import (
    Entry,
    MilvusGallery,
    milvus_collections,
    milvus_gallery,
    milvus_search,
    places,
)
from tests.dimn_tf.gallery import older_milvus

D, MODEL = 16, "ab" * 32


def _vectors(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, D)).astype(np.float32)


def _entries(vectors, start=0):
    return [Entry(f"e{start + i}", v, None, {"i": i}) for i, v in enumerate(vectors)]


def _ids(hits):
    return [[hit.entry_id for hit in row] for row in hits]


def _brute(vectors, probes, k):
    order = np.argsort(-(probes @ vectors.T), axis=1)[:, :k]
    return [[f"e{i}" for i in row] for row in order]


@pytest.fixture
def uri(tmp_path):
    return str(tmp_path / "m.db")


@pytest.fixture(params=milvus_collections.INDEXES)
def gallery(request, uri):
    with MilvusGallery.create(uri, "people", MODEL, D, request.param) as made:
        yield made


def test_finds_what_brute_force_finds_after_adding_and_removing(gallery):
    vectors, probes = _vectors(300), _vectors(7, seed=1)
    assert gallery.search(probes, 3) == [[]] * 7 and len(gallery) == 0
    gallery.add(_entries(vectors[:200]))
    assert _ids(gallery.search(probes, 5)) == _brute(vectors[:200], probes, 5)
    gallery.add(_entries(vectors[200:], start=200))
    found = gallery.search(probes, 5)
    assert _ids(found) == _brute(vectors, probes, 5)
    np.testing.assert_allclose(
        found[0][0].score, (vectors @ probes[0]).max(), rtol=1e-5
    )
    gone = sorted({name for row in _ids(found) for name in row})
    gallery.remove(gone)
    kept = vectors.copy()
    kept[[int(name[1:]) for name in gone]] = 0
    assert _ids(gallery.search(probes, 5)) == _brute(kept, probes, 5)
    assert len(gallery) == 300 - len(gone) and gone[0] not in gallery
    assert len(gallery.search(probes, 900)[0]) == 300 - len(gone)


def test_one_entry_a_person_widens_until_there_are_k(gallery):
    vectors = np.zeros((40, D), np.float32)
    vectors[:, 0] = np.arange(40, 0, -1)
    persons = ["anna"] * 20 + ["bo"] * 10 + [None] * 2 + ["cy"] * 8
    gallery.add(
        [
            Entry(f"e{i}", v, p)
            for i, (v, p) in enumerate(zip(vectors, persons, strict=True))
        ]
    )
    hits = gallery.search(np.eye(1, D), 3, one_per_person=True)[0]
    assert [hit.entry_id for hit in hits] == ["e0", "e20", "e30"]
    assert [hit.person_id for hit in hits] == ["anna", "bo", None]
    hits = gallery.search(np.eye(1, D), 30, one_per_person=True)[0]
    assert [hit.entry_id for hit in hits] == ["e0", "e20", "e30", "e31", "e32"]


def test_any_text_is_an_id_and_metadata_come_back(uri):
    odd = ["x'] or key != ['", 'quote "', "back\\slash", "ünï/日本.jpg", "long " * 999]
    vectors = np.eye(len(odd), D, dtype=np.float32)
    with MilvusGallery.create(uri, "people", MODEL, D) as gallery:
        metadata = {"path": "a'b\"c", "n": [1, {"x": None}]}
        gallery.add(
            [Entry(n, v, n, metadata) for n, v in zip(odd, vectors, strict=True)]
        )
        assert gallery.which_of([*odd, "no"]) == set(odd)
        gallery.remove(odd[:1])
        for name, vector in list(zip(odd, vectors, strict=True))[1:]:
            hit = gallery.search(vector[np.newaxis], 1)[0][0]
            assert (hit.entry_id, hit.person_id) == (name, name)
            assert hit.metadata == metadata
        with pytest.raises(errors.UserError, match="more than 65,535 bytes"):
            gallery.add([Entry("e" * 70_000, vectors[0])])
        assert len(gallery) == len(odd) - 1


def test_opened_again_it_is_the_same(uri):
    vectors, probes = _vectors(50), _vectors(3, seed=1)
    with MilvusGallery.create(uri, "people", MODEL, D) as gallery:
        gallery.add(_entries(vectors))
        first = gallery.search(probes, 9)
    with MilvusGallery(uri, "people", MODEL) as again:
        assert again.search(probes, 9) == first and again.dimension == D


def test_its_identity_is_kept_and_new_entries_have_a_new_one(uri):
    with MilvusGallery.create(uri, "people", MODEL, D) as gallery:
        first = gallery.identity
        assert len(first) == 32 and gallery.give_identity() == first
        with MilvusGallery.create(uri, "others", MODEL, D) as other:
            assert other.identity not in (first, None)
    with MilvusGallery.create(uri, "people", MODEL, D) as again:
        assert again.identity == first
        again._client.drop_collection("people")  # The facts' collection stays.
    with MilvusGallery.create(uri, "people", MODEL, D) as made:
        assert made.identity not in (first, None)
        again = MilvusGallery(uri, "people", MODEL)
        assert again.identity == made.identity
        again._client.drop_collection("people_facts")
        with pytest.raises(errors.UserError, match="people: the gallery is gone"):
            _ = made.identity
        again.close()


def test_an_older_one_is_given_an_identity_and_keeps_its_facts(uri):
    with older_milvus.make(uri, "people", MODEL, D) as gallery:
        assert gallery.identity is None
        identity = gallery.give_identity()
        assert gallery.identity == identity == gallery.give_identity()
    with MilvusGallery(uri, "people", MODEL) as again:
        assert again.identity == identity and again.dimension == D


def test_refusals_are_the_folders(uri):
    with MilvusGallery.create(uri, "people", MODEL, D) as gallery:
        gallery.add(_entries(_vectors(3)))
        with pytest.raises(errors.UserError, match="1 entry ids are there.*'e2'"):
            gallery.add(_entries(_vectors(2), start=2))
        with pytest.raises(errors.UserError, match="zero"):
            gallery.add([Entry("z", np.zeros(D))])
        with pytest.raises(errors.UserError, match="1 entry ids are not there: 'e9'"):
            gallery.remove(["e0", "e9"])
        with pytest.raises(errors.UserError, match="16,384 entries a search"):
            gallery.search(_vectors(1), 20_000)
        assert len(gallery) == 3
    with pytest.raises(errors.UserError, match="come from the model abababab"):
        MilvusGallery(uri, "people", "cd" * 32)
    with pytest.raises(errors.UserError, match="dimension 16, not 17"):
        MilvusGallery.create(uri, "people", MODEL, D + 1)
    with pytest.raises(errors.UserError, match="index exact, not hnsw"):
        MilvusGallery.create(uri, "people", MODEL, D, "hnsw")
    with pytest.raises(errors.UserError, match="there is no gallery"):
        MilvusGallery(uri, "nobody", MODEL)


def test_a_large_batch_goes_in_several_requests(uri, monkeypatch):
    monkeypatch.setattr(milvus_collections, "REQUEST_BYTES", 3_000)
    vectors = _vectors(40)
    with MilvusGallery.create(uri, "people", MODEL, D) as gallery:
        sizes = []
        upsert = gallery._client.upsert
        monkeypatch.setattr(
            gallery._client,
            "upsert",
            lambda name, rows: (sizes.append(len(rows)), upsert(name, rows)),
        )
        gallery.add(_entries(vectors))
        assert len(sizes) > 5 and sum(sizes) == len(gallery) == 40


def test_requests_are_as_large_as_they_may_be_and_no_larger(monkeypatch):
    metadata = ["{}", '{"n": "日本"}' * 40, "{}"] * 30
    rows = [
        {
            "entry_id": f"e{i}日" * (1 + i % 4),
            "person_id": None if i % 3 else "名" * 20 * i,
        }
        for i in range(90)
    ]

    def at_most(row, text):  # Four bytes a number and a letter, and the field names.
        names = row["entry_id"] + (row["person_id"] or "")
        return 4 * 256 + 4 * len(text) + 4 * len(names) + 512

    (whole,) = milvus_gallery._requests(rows, metadata, 256)
    assert whole == rows
    monkeypatch.setattr(milvus_collections, "REQUEST_BYTES", 9_000)
    texts = dict(zip((row["entry_id"] for row in rows), metadata, strict=True))
    parts = list(milvus_gallery._requests(rows, metadata, 256))
    assert [row for part in parts for row in part] == rows and all(parts)
    sizes = [sum(at_most(r, texts[r["entry_id"]]) for r in part) for part in parts]
    firsts = [at_most(p[0], texts[p[0]["entry_id"]]) for p in parts[1:]]
    assert max(sizes) <= 9_000
    assert all(a + b > 9_000 for a, b in zip(sizes, firsts, strict=False))
    monkeypatch.setattr(milvus_collections, "REQUEST_BYTES", 1)
    assert [len(p) for p in milvus_gallery._requests(rows, metadata, 256)] == [1] * 90


def test_readers_ask_for_what_was_acknowledged_and_not_for_vectors(uri, monkeypatch):
    """What a server needs to be told, and Milvus Lite does not."""
    with MilvusGallery.create(uri, "people", MODEL, D) as gallery:
        gallery.add(_entries(_vectors(2)))
        assert not gallery.keep_index()  # The server keeps its own.
        asked = []

        def noting(name):
            call = getattr(gallery._client, name)

            def noted(*given, **named):
                asked.append((name, named))
                return call(*given, **named)

            monkeypatch.setattr(gallery._client, name, noted)

        for name in ("get", "query", "query_iterator", "search"):
            noting(name)
        assert len(gallery) == 2 and "e1" in gallery and len(gallery.persons()) == 2
        gallery.search(_vectors(1), 1)
    assert {name for name, _ in asked} == {"get", "query", "query_iterator", "search"}
    for _, named in asked:
        assert named["consistency_level"] == "Strong"
        assert named["output_fields"] and "vector" not in named["output_fields"]


def test_the_clients_own_tracebacks_are_not_logged(uri):
    names = ("pymilvus", "grpc._server")
    for name in names:
        logging.getLogger(name).setLevel(logging.NOTSET)
    MilvusGallery.create(uri, "people", MODEL, D).close()
    assert not any(logging.getLogger(n).isEnabledFor(logging.ERROR) for n in names)


def test_what_was_acknowledged_outlives_a_killed_writer(uri):
    code = (
        "import sys, numpy as np\n"
        "from dimn_tf.gallery import Entry, MilvusGallery\n"
        "g = MilvusGallery.create(sys.argv[1], 'people', 'ab' * 32, 16)\n"
        "n = len(g)\n"
        "while True:\n"
        "    g.add([Entry(f'e{n + i}', np.full(16, n + i + 1.0)) for i in range(3)])\n"
        "    n += 3\n"
        "    print(n, flush=True)\n"
    )
    acknowledged = 0
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", code, uri], stdout=subprocess.PIPE, text=True
        )
        said = [process.stdout.readline() for _ in range(5)]
        process.kill()
        rest, _ = process.communicate()
        whole = ("".join(said) + rest[: rest.rfind("\n") + 1]).split()
        acknowledged = int(whole[-1])
    with MilvusGallery(uri, "people") as gallery:
        names = [f"e{i}" for i in range(acknowledged)]
        assert acknowledged >= 30 and gallery.which_of(names) == set(names)


def test_a_making_that_was_cut_off_is_taken_up_again(uri, monkeypatch):
    make = milvus_collections._make

    def cut_off(client, name, schema, kind, build):
        if name == "people":
            client.create_collection(name, schema=schema)  # And no index, not loaded.
            raise KeyboardInterrupt
        make(client, name, schema, kind, build)

    monkeypatch.setattr(milvus_collections, "_make", cut_off)
    with pytest.raises(KeyboardInterrupt):
        MilvusGallery.create(uri, "people", MODEL, D)
    monkeypatch.undo()
    # Another model's does not take its place, nor break it.
    with pytest.raises(errors.UserError, match="a gallery is there with model_sha256"):
        MilvusGallery.create(uri, "people", "cd" * 32, D + 1)
    with MilvusGallery.create(uri, "people", MODEL, D) as gallery:
        gallery.add(_entries(_vectors(3)))
        assert len(gallery.search(_vectors(1), 5)[0]) == 3
        kinds = gallery._client.list_indexes("people", field_name="vector")
        assert len(kinds) == 1


def test_a_foreign_collection_is_left_alone(uri):
    with MilvusGallery.create(uri, "people", MODEL, D) as gallery:
        gallery._client.create_collection("others", dimension=3)
    with pytest.raises(errors.UserError, match="others is there and is no gallery's"):
        MilvusGallery.create(uri, "others", MODEL, D)


def test_persons_of_all_entries(uri):
    with MilvusGallery.create(uri, "people", MODEL, D) as gallery:
        vectors = _vectors(2_300)
        gallery.add(
            [
                Entry(f"e{i}", v, f"p{i % 7}" if i % 3 else None)
                for i, v in enumerate(vectors)
            ]
        )
        expected = {f"e{i}": f"p{i % 7}" if i % 3 else None for i in range(2_300)}
        assert gallery.persons() == expected


def test_many_probes_and_hits_go_in_several_searches(uri, monkeypatch):
    vectors, probes = _vectors(50), _vectors(23, seed=1)
    monkeypatch.setattr(milvus_search, "_HITS", 40)
    with MilvusGallery.create(uri, "people", MODEL, D) as gallery:
        gallery.add(_entries(vectors))
        sizes, search = [], gallery._client.search

        def counted(name, data, **arguments):
            sizes.append(len(data))
            return search(name, data, **arguments)

        monkeypatch.setattr(gallery._client, "search", counted)
        assert _ids(gallery.search(probes, 10)) == _brute(vectors, probes, 10)
        assert sizes == [4, 4, 4, 4, 4, 3]


def test_no_server_is_said_to_be(monkeypatch):
    with pytest.raises(errors.UserError, match="Milvus says.*Is the server up"):
        MilvusGallery("http://127.0.0.1:9", "people")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("milvus:http://h:1", "milvus:URI#COLLECTION"),
        ("milvus:#people", "milvus:URI#COLLECTION"),
        ("milvus:http://h:1#two words", "milvus:URI#COLLECTION"),
        ("milvus:folder#people", "ends in .db"),
    ],
)
def test_places_that_are_none_are_named(place, said):
    with pytest.raises(errors.UserError, match=said):
        places.open_gallery(place)


def test_a_place_is_opened_by_its_kind(uri, tmp_path):
    for place in (f"milvus:{uri}#people", str(tmp_path / "folder")):
        with places.create(place, MODEL, D) as made:
            made.add(_entries(_vectors(2)))
        with places.open_gallery(place, MODEL) as opened:
            assert len(opened) == 2
            assert isinstance(opened, MilvusGallery) == place.startswith("milvus:")
