"""One name in two spellings is one person, in galleries old and new."""

import unicodedata

import numpy as np
import pytest

from dimn_tf.gallery import Entry, Filter, image_sources, names
from tests.dimn_tf.gallery import kinds

D, MODEL = 4, "ab" * 32
NFC = unicodedata.normalize("NFC", "Jos\u00e9")
NFD = unicodedata.normalize("NFD", NFC)


def test_spellings():
    assert NFC != NFD and names.one(NFD) == names.one(NFC) == NFC
    assert names.spellings(NFC) == [NFC, NFD] and names.spellings(NFD) == [NFD, NFC]
    assert names.spellings("anna") == ["anna"]
    assert names.same(NFC, NFD) and not names.same(NFC, "Jose")
    assert names.same(None, None) and not names.same(None, NFC)
    assert not names.same(3, NFC)


@pytest.fixture(params=["exact", "hnsw", "milvus", "older milvus"])
def gallery(request, tmp_path):
    with kinds.create(request.param, tmp_path, MODEL, D) as made:
        yield made


def test_of_one_name_in_two_spellings_there_is_one_person(gallery):
    vectors = np.eye(3, D, dtype=np.float32) + 0.1
    persons = (NFC, NFD, "Jose")
    gallery.add(
        [
            Entry(f"e{i}", vector, person, {"camera_id": person})
            for i, (vector, person) in enumerate(zip(vectors, persons, strict=True))
        ]
    )
    probe = np.array([[3, 2, 1, 0]], np.float32)
    hits = gallery.search(probe, 9, one_per_person=True)[0]
    assert [hit.entry_id for hit in hits] == ["e0", "e2"]
    for person in (NFC, NFD):
        assert sorted(gallery.entries_of(person)) == ["e0", "e1"]
        wanted = Filter(frozenset([person]))
        assert wanted.takes({"camera_id": NFC}) and wanted.takes({"camera_id": NFD})
        hits = gallery.search(probe, 9, wanted=wanted)[0]
        assert [hit.entry_id for hit in hits] == ["e0", "e1"]
    assert gallery.entries_of("Jose") == ["e2"]
    assert gallery.persons()["e1"] == NFD  # It holds what it was given.


def test_folders_and_lists_give_names_in_one_spelling(tmp_path):
    (tmp_path / "crops" / NFD).mkdir(parents=True)
    (tmp_path / "crops" / NFD / "1_a.png").write_bytes(b"")
    (tmp_path / "list.csv").write_text(f"path,person_id\ncrops/{NFD}/1_a.png,{NFD}\n")
    given = [str(tmp_path / "crops"), str(tmp_path / "list.csv")]
    for one in given:
        (source,) = image_sources.expand([one], person_folders=True)
        assert source.person_id == NFC
        assert source.entry_id == str(tmp_path / "crops" / NFD / "1_a.png")
