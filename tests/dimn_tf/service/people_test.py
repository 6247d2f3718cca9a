"""Entries with their pictures: made, found, masked, grown old, and gone for good."""

import contextlib
import datetime
import hashlib
import pathlib

import numpy as np
import pytest

from data_builders import dummy_images
from dimn_tf import errors, images
from dimn_tf.gallery import Entry, Gallery, gaps
from dimn_tf.service import people as people_lib
from dimn_tf.service import state as state_lib
from dimn_tf.service import wishes

D, MODEL = 300, "ab" * 32
NOW = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


def _vector(seed):
    return np.random.default_rng(seed).normal(size=D).astype(np.float32)


def _wish(name="sha256-1", person="anna", replace=False, picture=b"picture", **more):
    labels = {"camera_id": None, "seen_at": None, **more}
    return wishes.Wish(name, person, picture=picture, replace=replace, **labels)


@pytest.fixture
def opened(tmp_path):
    """Opens the same people again and again."""
    made = []

    def open_them(**more):
        while made:
            made.pop().close()
        place = str(tmp_path / "g")
        made.append(people_lib.People(place, MODEL, D, tmp_path / "s", **more))
        return made[-1]

    yield open_them
    while made:
        made.pop().close()


def test_while_another_process_writes_it_ends_all_the_same(tmp_path, caplog):
    Gallery.create(tmp_path / "g", MODEL, D, "hnsw").close()
    people = people_lib.People(str(tmp_path / "g"), MODEL, D, tmp_path / "s")
    people.enrol(_wish(), _vector(0), NOW)
    while not people.prepare():
        pass
    with Gallery(tmp_path / "g") as other, other._writing():
        people.close()
    assert "index was not kept" in caplog.text
    assert "another process is writing" in caplog.text
    with pytest.raises(Exception, match="closed"):
        people.picture("sha256-1")


def _traces(folder: pathlib.Path, content: bytes) -> list[str]:
    pieces = {content[i : i + 16] for i in range(0, len(content) - 16, 16)}
    return [
        path.name
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(piece in path.read_bytes() for piece in pieces)
    ]


def test_an_enrolment_comes_to_what_it_should(opened):
    people = opened()
    wish = _wish(camera_id="door")
    assert people.enrol(wish, None, NOW) == ("created", []) and len(people) == 0
    assert people.enrol(wish, _vector(0), NOW) == ("created", []) and len(people) == 1
    for same in (wish, _wish(person=None), _wish(camera_id=None)):
        assert people.enrol(same, None, NOW) == ("there", [])
    other = _wish(person="bo", seen_at="2026-01-01T00:00:00+00:00")
    assert people.enrol(other, None, NOW) == ("differs", ["person_id", "seen_at"])
    other = _wish(person=None, seen_at="2026-01-01T00:00:00+00:00", replace=True)
    assert people.enrol(other, None, NOW) == ("replaced", ["seen_at"])
    assert people.enrol(other, _vector(0), NOW + DAY)[0] == "replaced"
    (known,) = people.page("", 9).entries
    assert known.person_id == "anna"  # What was not told stays.
    assert known.metadata == {
        "camera_id": "door", "seen_at": "2026-01-01T00:00:00+00:00",
        "enrolled_at": "2026-11-30T12:00:00+00:00",
    }  # fmt: skip


def test_one_time_in_two_zones_is_one(opened):
    """Programs that write to the gallery themselves tell it as they like."""
    people = opened()
    there = _wish(seen_at="2026-01-01T01:00:00.25+01:00")
    people.enrol(there, _vector(0), NOW)
    for seen, outcome in (
        ("2026-01-01T00:00:00.250000+00:00", "there"),
        ("2026-01-01T00:00:00+00:00", "differs"),
        ("2026-01-01T00:00:00.250001+00:00", "differs"),
    ):
        assert people.enrol(_wish(seen_at=seen), None, NOW)[0] == outcome


def test_the_state_is_one_gallerys(tmp_path):
    """Of another one every picture would be swept away as of an entry that is gone."""

    def opened(name, state):
        return people_lib.People(str(tmp_path / name), MODEL, D, tmp_path / state)

    people = opened("g", "s")
    people.enrol(_wish(), _vector(0), NOW)
    people.close()
    with pytest.raises(errors.UserError, match="it keeps the pictures of --gallery="):
        opened("other", "s")
    people = opened("g", "s")
    assert people.picture("sha256-1") == b"picture"
    people.close()
    # Within the gallery's folder it moves with it.
    people = opened("a", "a/service")
    people.enrol(_wish(), _vector(0), NOW)
    people.close()
    (tmp_path / "a").rename(tmp_path / "b")
    people = opened("b", "b/service")
    assert people.picture("sha256-1") == b"picture"
    people.close()


@pytest.mark.parametrize("state", ["s", "g/service"])
def test_no_gallery_is_made_where_one_is_missing(tmp_path, state):
    """Of a new one every picture would be swept away as of an entry that is gone."""

    def opened():
        place = str(tmp_path / "g")
        return people_lib.People(place, MODEL, D, tmp_path / state)

    people = opened()
    people.enrol(_wish(), _vector(0), NOW)
    people.close()
    (tmp_path / "g/gallery.sqlite").rename(tmp_path / "aside")
    for _ in range(2):  # A supervisor starts it again.
        with pytest.raises(errors.UserError, match="Put the gallery back") as raised:
            opened()
        assert str(tmp_path / state / "service.sqlite") in str(raised.value)
        assert not (tmp_path / "g/gallery.sqlite").exists()
    (tmp_path / "aside").rename(tmp_path / "g/gallery.sqlite")
    people = opened()
    assert people.picture("sha256-1") == b"picture"
    # Emptied by the service itself, it starts, with its gallery or without.
    assert people.remove_person("anna") == ["sha256-1"]
    people.close()
    people = opened()
    assert len(people) == 0
    people.close()
    (tmp_path / "g/gallery.sqlite").unlink()
    opened().close()


def test_a_place_that_was_mistaken_is_not_taken_for_the_galleries_own(tmp_path):
    """A state of an older version, whose folder does not name its gallery yet."""

    def opened(name):
        place = str(tmp_path / name)
        return people_lib.People(place, MODEL, D, tmp_path / "s")

    people = opened("g")
    people.enrol(_wish(), _vector(0), NOW)
    people.close()
    (tmp_path / "s/gallery.txt").unlink()
    with pytest.raises(errors.UserError, match="Put the gallery back"):
        opened("typo")
    assert not (tmp_path / "s/gallery.txt").exists()
    people = opened("g")
    assert people.picture("sha256-1") == b"picture"
    people.close()
    with pytest.raises(errors.UserError, match="it keeps the pictures of --gallery="):
        opened("typo")
    assert not (tmp_path / "typo").exists()


def test_no_collection_is_made_where_one_is_missing(tmp_path):
    place = f"milvus:{tmp_path / 'm.db'}#people"
    people = people_lib.People(place, MODEL, D, tmp_path / "s")
    people.enrol(_wish(), _vector(0), NOW)
    client = people._gallery._client
    for name in client.list_collections():
        client.drop_collection(name)
    people.close()
    with pytest.raises(errors.UserError, match="Put the gallery back"):
        people_lib.People(place, MODEL, D, tmp_path / "s")
    with contextlib.closing(state_lib.State(tmp_path / "s")) as state:
        assert state.picture("sha256-1") == b"picture"


def test_removed_people_leave_neither_vector_nor_picture(opened, tmp_path):
    people = opened()
    contents = [np.random.default_rng(i).bytes(9_000) for i in range(6)]
    for i, content in enumerate(contents):
        people.enrol(_wish(f"e{i}", f"p{i // 2}", picture=content), _vector(i), NOW)
    assert people.picture("e2") == contents[2]
    assert people.remove_person("p1") == ["e2", "e3"]
    assert people.remove(["e5", "none"]) == ["e5"]
    assert people.remove_person("p1") == people.remove(["none"]) == []
    for i, content in enumerate(contents):
        for kept in (content, _vector(i).tobytes()):
            assert bool(_traces(tmp_path, kept)) == (i not in (2, 3, 5))
    assert people.picture("e2") is None and len(people) == 3


def test_what_keeps_one_file_from_being_cleared_is_none_of_the_others(
    opened, tmp_path, monkeypatch
):
    monkeypatch.setattr(gaps, "AT_ONCE", 0)
    people = opened()
    people.enrol(_wish(), _vector(0), NOW)
    people.remove(["sha256-1"])
    held = people._gallery._store._file, people._state._file
    assert all(file.erasures() for file in held)
    with Gallery(tmp_path / "g") as other, other._writing():
        with pytest.raises(errors.UserError, match="another process is writing"):
            people.clear_gaps(2**30)
    assert [bool(file.erasures()) for file in held] == [True, False]
    assert people.clear_gaps(2**30) and not held[0].erasures()


def test_pictures_are_kept_only_where_it_is_wanted(opened, tmp_path):
    people = opened(keep_pictures=False)
    content = dummy_images.encoded("a.jpg", 90, 60)
    people.enrol(_wish(picture=content), _vector(0), NOW)
    assert people.picture("sha256-1") is None and not _traces(tmp_path, content)


def test_what_a_killed_enrolment_left_is_swept_away(opened, monkeypatch, tmp_path):
    people = opened()
    people.enrol(_wish("kept", picture=b"k" * 99), _vector(0), NOW)

    def killed(*given, **named):
        raise KeyboardInterrupt

    content = dummy_images.encoded("a.jpg", 90, 60)
    monkeypatch.setattr(people._gallery, "add", killed)
    monkeypatch.setattr(people._state, "forget", lambda names, spared: set())
    with pytest.raises(KeyboardInterrupt):
        people.enrol(_wish("lost", picture=content), _vector(1), NOW)
    monkeypatch.undo()
    assert _traces(tmp_path, content)
    people = opened()
    assert not _traces(tmp_path, content)
    assert people.picture("kept") == b"k" * 99


def test_an_enrolment_that_is_refused_leaves_no_picture(opened, tmp_path):
    people, content = opened(), dummy_images.encoded("a.jpg", 90, 60)
    with pytest.raises(ValueError, match="are zero"):
        people.enrol(_wish(picture=content), np.zeros(D), NOW)
    assert not _traces(tmp_path, content)


@pytest.mark.parametrize("removed", [False, True])
def test_a_name_undoes_nothing_that_another_process_does_meanwhile(
    opened, tmp_path, monkeypatch, removed
):
    people = opened()
    people.enrol(_wish(camera_id="door"), _vector(0), NOW)
    add = people._gallery.add

    def after_another(*given, **more):
        monkeypatch.undo()
        with Gallery(tmp_path / "g") as other:
            other.remove(["sha256-1"])
            if not removed:
                other.add([Entry("sha256-1", _vector(1), "anna", {"key": 1})])
        add(*given, **more)

    monkeypatch.setattr(people._gallery, "add", after_another)
    known = people.relabel("sha256-1", "bo", None)
    if removed:
        assert known is None and len(people) == 0
        return
    assert (known.person_id, known.metadata) == ("bo", {"key": 1})
    assert people._gallery.known(["sha256-1"]) == {"sha256-1": known}
    np.testing.assert_array_equal(people._gallery.vectors(["sha256-1"])[0], _vector(1))


def test_the_gallerys_one_thread_decodes_no_file(opened, tmp_path, monkeypatch):
    dummy_images.write(tmp_path, ["1.bmp"])
    path = str(tmp_path / "1.bmp")
    with Gallery.create(tmp_path / "g", MODEL, D) as gallery:
        gallery.add([Entry(path, _vector(0), "anna", {"path": path})])
    people = opened()

    def decoding(*given, **named):
        raise AssertionError("a file was decoded")

    monkeypatch.setattr(images, "_decoded", decoding)
    content = pathlib.Path(path).read_bytes()
    assert people.picture(path) == content
    for others in (0, 3):
        told = people.told_from(path, _vector(1), others, True, None)
        assert told[2:] == (content, False)


@pytest.mark.parametrize("digest", ["its", None, 3])
def test_another_picture_under_the_enrolled_name_is_not_shown(opened, tmp_path, digest):
    dummy_images.write(tmp_path, ["1.png", "2.png"])
    path, other = tmp_path / "1.png", tmp_path / "2.png"
    metadata = {"path": str(path)}
    if digest is not None:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        metadata["content_sha256"] = found if digest == "its" else digest
    with Gallery.create(tmp_path / "g", MODEL, D) as gallery:
        gallery.add([Entry("e", _vector(0), "anna", metadata)])
    people = opened()
    there = path.read_bytes() if digest != 3 else None
    assert people.picture("e") == there
    other.replace(path)
    assert people.picture("e") == (path.read_bytes() if digest is None else None)


def test_paths_of_this_machine_are_masked_and_their_pictures_found(opened, tmp_path):
    dummy_images.write(tmp_path, ["door/1.png"])
    path = str(tmp_path / "door/1.png")
    with Gallery.create(tmp_path / "g", MODEL, D) as gallery:
        gallery.add(
            [
                Entry(path, _vector(0), "anna", {"path": path}),
                Entry("plain", _vector(1)),
            ]
        )
    people = opened()
    names = people.public_ids([path, "plain", "C:\\door\\1.png"])
    assert set(names) == {path, "C:\\door\\1.png"}
    assert all(
        name.startswith("entry-") and "door" not in name for name in names.values()
    )
    assert people.public_ids([path]) == {path: names[path]}
    people = opened()
    assert people.private_id(names[path]) == path
    assert people.private_id("plain") == "plain"
    assert people.picture(path) == pathlib.Path(path).read_bytes()
    assert people.picture("plain") is None and people.picture("none") is None
    people.remove([path])
    # Such as a search found just before; its path does not come back.
    after = people.public_ids([path])[path]
    assert after.startswith("entry-") and people.private_id(after) == after
    assert people.private_id(names[path]) == names[path]


def test_what_is_old_goes_and_what_has_no_time_counts_from_its_first_sight(
    opened, monkeypatch, tmp_path
):
    monkeypatch.setattr(people_lib, "_AT_A_TIME", 2)
    with Gallery.create(tmp_path / "g", MODEL, D) as gallery:
        gallery.add([Entry(f"old-{i}", _vector(i)) for i in range(3)])
        gallery.add([Entry("odd", _vector(9), None, {"enrolled_at": "yesterday"})])
    people = opened()
    for i in range(5):
        people.enrol(_wish(f"e{i}"), _vector(20 + i), NOW - i * DAY)

    def swept(now, keep):
        gone, after = [], ""
        while True:
            found, after = people.remove_older(now - keep, now, after)
            gone += found
            if not after:
                return sorted(gone)

    assert swept(NOW, 2.5 * DAY) == ["e3", "e4"]
    assert swept(NOW, 2.5 * DAY) == []
    assert swept(NOW + DAY, 2.5 * DAY) == ["e2"]
    people = opened()
    assert swept(NOW + 2.4 * DAY, 2.5 * DAY) == ["e1"]
    assert swept(NOW + 2.6 * DAY, 2.5 * DAY) == ["e0", "odd", "old-0", "old-1", "old-2"]
    assert len(people) == 0
