"""Several processes with one state: no acknowledged entry loses its picture."""

import contextlib

import pytest

from data_builders import dummy_images
from dimn_tf import images
from dimn_tf.gallery import Gallery
from dimn_tf.service import erasing, wishes
from dimn_tf.service import people as people_lib
from dimn_tf.service import state as state_lib
from tests.dimn_tf.service.people_test import MODEL, NOW, D, _vector, _wish
from tests.dimn_tf.service.running import running


@pytest.fixture(params=["folder", "milvus"])
def open_people(request, tmp_path):
    """Opens services on one gallery and one state."""
    place = str(tmp_path / "g")
    if request.param == "milvus":
        pytest.importorskip("pymilvus", reason="the extra `milvus` is not installed")
        place = f"milvus:{tmp_path / 'm.db'}#people"
    with contextlib.ExitStack() as opened:
        yield lambda: opened.enter_context(
            contextlib.closing(
                people_lib.People(place, MODEL, D, tmp_path / "g/service")
            )
        )


def _adding_after(people, monkeypatch, act):
    """Has something happen between an entry's picture and the entry itself."""
    add = people._gallery.add

    def later(*given, **more):
        act()
        return add(*given, **more)

    monkeypatch.setattr(people._gallery, "add", later)


@pytest.mark.parametrize("how", ["starts", "sweeps"])
def test_a_service_beside_it_takes_no_picture_of_an_entry_that_comes(
    open_people, monkeypatch, how
):
    first, second = open_people(), open_people()
    act = open_people if how == "starts" else (lambda: second.sweep(None))
    _adding_after(first, monkeypatch, act)
    assert first.enrol(_wish(), _vector(0), NOW) == (wishes.CREATED, [])
    assert first.picture("sha256-1") == b"picture"


def test_what_came_after_a_sweeps_look_is_spared(open_people):
    first, second = open_people(), open_people()
    first._state.put_picture("sha256-1", b"picture")
    first._state.put_picture("sha256-2", b"of no entry")
    second._removals._before_forgetting = lambda: first.enrol(_wish(), _vector(0), NOW)
    assert second.sweep(None)[0] == {"sha256-2"}
    assert first.picture("sha256-1") == b"picture"
    assert not first._state.has_picture("sha256-2")


def test_an_entry_that_was_removed_at_once_gets_no_picture_back(
    open_people, monkeypatch
):
    first, second = open_people(), open_people()
    add = first._gallery.add

    def removed_at_once(*given, **more):
        add(*given, **more)
        assert second.remove(["sha256-1"]) == ["sha256-1"]

    monkeypatch.setattr(first._gallery, "add", removed_at_once)
    first.enrol(_wish(), _vector(0), NOW)
    assert first._state.is_empty


def test_a_picture_that_was_lost_comes_back_with_the_next_enrolment(open_people):
    people = open_people()
    people.enrol(_wish(), _vector(0), NOW)
    (before,) = people.page("", 9).entries
    people._state.remove_picture("sha256-1")
    assert people.enrol(_wish(), None, NOW) == (wishes.REPLACED, [])
    assert people.enrol(_wish(), _vector(1), NOW) == (wishes.THERE, [])
    assert people.picture("sha256-1") == b"picture"
    assert people.page("", 9).entries == (before,)
    assert people.enrol(_wish(), None, NOW) == (wishes.THERE, [])


def test_a_client_that_enrols_again_has_its_picture_again(halves_export, tmp_path):
    file = {"image": ("x", images.encode_png(dummy_images.pixels(1, 60, 30)))}
    with running(halves_export.model, tmp_path) as client:
        name = client.post("/v1/entries", files=file).json()["id"]
        with contextlib.closing(state_lib.State(tmp_path / "service")) as state:
            state.remove_picture(name)
        assert client.get(f"/v1/pictures/{name}").status_code == 404
        answer = client.post("/v1/entries", files=file)
        assert (answer.status_code, answer.json()["outcome"]) == (200, "there")
        assert client.get(f"/v1/pictures/{name}").status_code == 200


def test_what_is_enrolled_anew_while_a_command_removes_it_keeps_its_picture(
    tmp_path, monkeypatch
):
    place, remove = str(tmp_path / "g"), Gallery.remove
    with contextlib.closing(
        people_lib.People(place, MODEL, D, state_lib.own_folder(place))
    ) as people:
        people.enrol(_wish(), _vector(0), NOW)
        people.enrol(_wish("sha256-2", "bo"), _vector(1), NOW)

        def enrolled_anew(self, entry_ids):
            remove(self, entry_ids)
            people.enrol(_wish(), _vector(0), NOW)

        monkeypatch.setattr(Gallery, "remove", enrolled_anew)
        erasing.remove(place, [], ["anna", "bo"])
        assert people.picture("sha256-1") == b"picture"
        assert people._state.kept_of(["sha256-1", "sha256-2"]) == {"sha256-1"}
