"""A state is one gallery's: what comes to its place later sweeps nothing away."""

import contextlib
import datetime
import os
import shutil
import sqlite3

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.gallery import places
from dimn_tf.service import people as people_lib
from dimn_tf.service import state as state_lib
from dimn_tf.service import wishes

D, MODEL = 4, "ab" * 32
NOW = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)
ANOTHER = "this is another gallery than the one"


@pytest.fixture(params=["s", "g/service"])
def state(request, tmp_path):
    """The state's folder: elsewhere, and within the gallery's own."""
    return tmp_path / request.param


def _people(tmp_path, state):
    return people_lib.People(str(tmp_path / "g"), MODEL, D, state)


def _enrol(people, name="a"):
    vector = np.arange(1.0, D + 1)
    wish = wishes.Wish(name, "anna", None, None, b"picture", False)
    people.enrol(wish, vector, NOW)


def _picture(folder):
    with contextlib.closing(state_lib.State(folder)) as kept:
        return kept.picture("a")


def _make_older(path):
    """Takes from a gallery's file what older versions did not put there."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("DELETE FROM facts WHERE name = 'identity'")
        file.commit()


def test_another_gallery_in_its_place_has_nothing_removed(tmp_path, state):
    with contextlib.closing(_people(tmp_path, state)) as people:
        _enrol(people)
    file = tmp_path / "g/gallery.sqlite"
    file.rename(tmp_path / "aside")
    places.create(str(tmp_path / "g"), MODEL, D).close()  # As any program may.
    for _ in range(2):  # A supervisor starts it again.
        with pytest.raises(errors.UserError, match=ANOTHER) as raised:
            _people(tmp_path, state)
        assert f"remove {state / 'gallery_identity.txt'}" in str(raised.value)
        assert _picture(state) == b"picture"
    shutil.copy(tmp_path / "aside", file)  # From its backup.
    with contextlib.closing(_people(tmp_path, state)) as people:
        assert people.picture("a") == b"picture"
    # Where the other one is to take its place, its operator says so.
    file.unlink()
    places.create(str(tmp_path / "g"), MODEL, D).close()
    (state / "gallery_identity.txt").unlink()
    for _ in range(2):
        with contextlib.closing(_people(tmp_path, state)) as people:
            assert people.picture("a") is None and people._state.is_empty


def test_a_state_that_holds_nothing_takes_what_it_meets(tmp_path, state):
    with contextlib.closing(_people(tmp_path, state)):
        pass
    (tmp_path / "g/gallery.sqlite").unlink()
    for _ in range(2):
        with contextlib.closing(_people(tmp_path, state)) as people:
            if not len(people):
                _enrol(people)
            assert people.picture("a") == b"picture"


def test_gallery_and_state_of_an_older_version_know_each_other_from_then_on(tmp_path):
    file, state = tmp_path / "g/gallery.sqlite", tmp_path / "s"
    with contextlib.closing(_people(tmp_path, state)) as people:
        _enrol(people)
    _make_older(file)
    (state / "gallery_identity.txt").unlink()
    shutil.copy(file, tmp_path / "old")
    with contextlib.closing(_people(tmp_path, state)) as people:
        assert people.picture("a") == b"picture"
        given = people._gallery.identity
    assert (state / "gallery_identity.txt").read_text() == given
    # A backup of before has none: whether it is that gallery, its operator knows.
    shutil.copy(tmp_path / "old", file)
    with pytest.raises(errors.UserError, match=f"identity is none, expected {given}"):
        _people(tmp_path, state)
    (state / "gallery_identity.txt").unlink()
    with contextlib.closing(_people(tmp_path, state)) as people:
        assert people.picture("a") == b"picture"


def test_an_older_gallery_that_cannot_be_written_to_is_served_and_it_is_told(
    tmp_path, monkeypatch, caplog
):
    with contextlib.closing(_people(tmp_path, tmp_path / "s")):
        pass
    file = tmp_path / "g/gallery.sqlite"
    _make_older(file)
    for path in (tmp_path / "g").glob("gallery.sqlite-*"):
        path.unlink()
    opened = sqlite3.connect

    def read_only(place, **more):
        if "gallery.sqlite" in place:
            place = place.replace("mode=rw", "mode=ro&immutable=1")
        return opened(place, **more)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    for _ in range(2):
        with contextlib.closing(_people(tmp_path, tmp_path / "s")) as people:
            assert people._gallery.identity is None and len(people) == 0
        assert "cannot be given an identity" in caplog.text
        assert "it cannot be written to" in caplog.text
        assert not os.path.exists(tmp_path / "s/gallery_identity.txt")


@pytest.fixture
def on_milvus(tmp_path):
    pytest.importorskip("pymilvus", reason="the extra `milvus` is not installed")
    return f"milvus:{tmp_path / 'm.db'}#people"


@pytest.mark.parametrize("dropped", [["people"], ["people", "people_facts"]])
def test_another_collection_in_its_place_has_nothing_removed(
    tmp_path, on_milvus, dropped
):
    folder = tmp_path / "s"
    with contextlib.closing(people_lib.People(on_milvus, MODEL, D, folder)) as people:
        _enrol(people)
        for name in dropped:
            people._gallery._client.drop_collection(name)
        # While the service runs, too: as any program may.
        places.create(on_milvus, MODEL, D).close()
        for act in (
            lambda: people.sweep(None),
            lambda: people.picture("a"),
            lambda: people.remove(["a"]),
        ):
            with pytest.raises(errors.UserError, match=ANOTHER):
                act()
    with pytest.raises(errors.UserError, match=ANOTHER):
        people_lib.People(on_milvus, MODEL, D, folder)
    assert _picture(folder) == b"picture"
