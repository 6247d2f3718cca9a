"""What the gallery holds no more, the service keeps no more, whoever removed it."""

import datetime
import sqlite3

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.gallery import Entry, Gallery, MilvusGallery, kept_index, sqlite_files
from dimn_tf.service import people as people_lib
from dimn_tf.service import removals
from tests.dimn_tf.service.people_test import MODEL, NOW, D, _traces, _vector, _wish


def _content(number):
    return np.random.default_rng(100 + number).bytes(9_000)


@pytest.fixture
def open_people(tmp_path):
    """Opens people with 3 entries of anna and one of bo, each with its picture."""
    made = []

    def opened(kind="exact"):
        Gallery.create(tmp_path / "g", MODEL, D, kind).close()
        people = people_lib.People(str(tmp_path / "g"), MODEL, D, tmp_path / "s")
        made.append(people)
        for i in range(4):
            person = "anna" if i < 3 else "bo"
            wish = _wish(f"e{i}", person, picture=_content(i))
            people.enrol(wish, _vector(i), NOW)
        if kind != "exact":
            people._gallery.search(_vector(9)[np.newaxis], 1)
            people._gallery.keep_index()
        return people

    yield opened
    for people in made:
        people.close()


def _left(folder):
    """Numbers of the entries of which there are pictures or vectors on disk."""
    pictures = [i for i in range(4) if _traces(folder, _content(i))]
    vectors = [i for i in range(4) if _traces(folder, _vector(i).tobytes())]
    return pictures, vectors


def test_of_what_another_process_removed_nothing_is_shown_or_kept(
    open_people, tmp_path
):
    people = open_people()
    with Gallery(tmp_path / "g") as other:
        other.remove(["e0", "e1", "e2"])
    assert _left(tmp_path) == ([0, 1, 2, 3], [3])
    assert people.picture("e0") is None
    assert _left(tmp_path) == ([1, 2, 3], [3])
    assert people.told_from("e1", _vector(9), 3, True, None) is None
    assert _left(tmp_path) == ([2, 3], [3])
    assert people.relabel("e2", "bo", None) is None
    assert _left(tmp_path) == ([3], [3])
    assert people.picture("e3") == _content(3)


def test_an_entry_that_only_the_state_knows_is_removed_as_others_are(
    open_people, tmp_path
):
    people = open_people()
    with Gallery(tmp_path / "g") as other:
        other.remove(["e0", "e1"])
    assert people.remove(["e1", "none"]) == ["e1"]
    assert _left(tmp_path) == ([0, 2, 3], [2, 3])
    assert people.remove(["e1"]) == []


def test_a_sweep_goes_through_all_that_is_kept(open_people, tmp_path, monkeypatch):
    monkeypatch.setattr(removals, "_AT_A_TIME", 2)
    people = open_people()
    names = [f"/door/{i}.jpg" for i in range(5)]
    with Gallery(tmp_path / "g") as other:
        other.add([Entry(name, _vector(10 + i)) for i, name in enumerate(names)])
        masks = people.public_ids(names)
        people._state.first_seen([*names, "seen"], "2026-11-29T12:00:00+00:00")
        other.remove(["e2", *names[:3]])
    gone, after, turns = set(), None, 0
    while True:
        found, after = people.sweep(after)
        gone, turns = gone | found, turns + 1
        if after is None:
            break
    assert gone == {"e2", "seen", *names[:3]} and turns > 3
    assert _left(tmp_path)[0] == [0, 1, 3]
    for i, name in enumerate(names):
        assert people.private_id(masks[name]) == (masks[name] if i < 3 else name)
    assert people._state.kept_of([*names, "seen", "e3"]) == {*names[3:], "e3"}


def test_a_removal_that_fails_half_done_leaves_no_picture_of_its_first_half(
    open_people, tmp_path, monkeypatch
):
    people = open_people()
    remove = Gallery._remove

    def half(self, entry_ids):
        remove(self, entry_ids[:2])
        raise errors.UserError("the server went away")

    with monkeypatch.context() as patched:
        patched.setattr(Gallery, "_remove", half)
        with pytest.raises(errors.UserError, match="went away"):
            people.remove_person("anna")
    assert _left(tmp_path) == ([2, 3], [2, 3])
    assert people.remove_person("anna") == ["e2"]
    assert _left(tmp_path) == ([3], [3])


def test_what_could_not_even_be_asked_for_goes_with_the_next_removal(
    open_people, tmp_path, monkeypatch
):
    people = open_people()
    remove = Gallery._remove

    def half_and_gone(self, entry_ids):
        remove(self, entry_ids[:2])
        patched.setattr(Gallery, "which_of", lost)
        lost(self, entry_ids)

    def lost(self, entry_ids):
        raise errors.UserError("the server went away")

    with monkeypatch.context() as patched:
        patched.setattr(Gallery, "_remove", half_and_gone)
        with pytest.raises(errors.UserError, match="went away"):
            people.remove_person("anna")
    assert _left(tmp_path) == ([0, 1, 2, 3], [2, 3])
    assert people.remove_person("anna") == ["e2"]
    assert _left(tmp_path) == ([3], [3])


@pytest.mark.parametrize("of_the_state", [False, True])
def test_an_error_after_the_change_is_made_good_by_the_retry(
    open_people, tmp_path, monkeypatch, of_the_state
):
    people = open_people()
    file = (people._state if of_the_state else people._gallery._store)._file

    def failed(self):
        if self is not file:
            return cut(self)
        raise sqlite3.OperationalError("disk I/O error")

    cut = sqlite_files.SqliteFile._cut_log
    with monkeypatch.context() as patched:
        patched.setattr(sqlite_files.SqliteFile, "_cut_log", failed)
        with pytest.raises((errors.UserError, sqlite3.Error)):
            people.remove(["e0"])
    pictures, vectors = _left(tmp_path)
    assert (0 in pictures) == of_the_state and (0 in vectors) != of_the_state
    assert people.remove(["e0"]) == ["e0"]
    assert _left(tmp_path) == ([1, 2, 3], [1, 2, 3])


def test_a_kept_index_that_could_not_be_deleted_is_by_the_retry(
    open_people, tmp_path, monkeypatch
):
    people = open_people("hnsw")

    def failed(self):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(kept_index.KeptIndex, "delete_others", failed)
        with pytest.raises(OSError, match="Input/output"):
            people.remove(["e0"])
    assert _left(tmp_path) == ([1, 2, 3], [0, 1, 2, 3])
    assert people.remove(["e0"]) == ["e0"]
    assert _left(tmp_path) == ([1, 2, 3], [1, 2, 3])


def test_a_removal_that_is_refused_leaves_entries_with_their_pictures(
    open_people, tmp_path
):
    people = open_people()
    with Gallery(tmp_path / "g") as other, other._writing():
        with pytest.raises(errors.UserError, match="another process is writing"):
            people.remove(["e0"])
        assert people.remove(["none"]) == []  # Which waits for nobody.
    assert people.picture("e0") == _content(0)
    assert people.remove(["e0"]) == ["e0"]


def test_a_person_of_more_entries_than_a_request_of_milvus(tmp_path, monkeypatch):
    place = f"milvus:{tmp_path / 'm.db'}#people"
    people = people_lib.People(place, MODEL, 4, tmp_path / "s")
    names = [f"e{i:04}" for i in range(1_500)]
    vectors = np.random.default_rng(0).normal(size=(1_500, 4)).astype(np.float32)
    told = {"enrolled_at": NOW.astimezone(datetime.UTC).isoformat()}
    people._gallery.add(
        [Entry(n, v, "anna", told) for n, v in zip(names, vectors, strict=True)]
    )
    for i, name in enumerate(("e0000", "e0999", "e1000", "e1499")):
        people._state.put_picture(name, _content(i))
    client = people._gallery._client
    delete, calls = client.delete, []

    def second_fails(*given, **named):
        calls.append(given)
        if len(calls) == 2:
            raise errors.UserError("the server went away")
        return delete(*given, **named)

    monkeypatch.setattr(client, "delete", second_fails)
    with pytest.raises(errors.UserError, match="went away"):
        people.remove_person("anna")
    assert len(people) == 500 and isinstance(people._gallery, MilvusGallery)
    kept = people._state.kept_of(names)
    assert kept == people._gallery.which_of(kept) and len(kept) == 2
    assert len(people.remove_person("anna")) == 500 and len(people) == 0
    assert not people._state.kept_of(names)
    people.close()
    for i in range(4):
        assert not _traces(tmp_path / "s", _content(i))
