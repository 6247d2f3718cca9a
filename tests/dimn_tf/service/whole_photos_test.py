"""A state that an older version wrote: its whole photos become small, once."""

import contextlib
import sqlite3

import numpy as np
import pytest
from absl import logging

from data_builders import dummy_images
from dimn_tf import images
from dimn_tf.gallery import Entry, Gallery
from dimn_tf.service import people as people_lib
from dimn_tf.service import state as state_lib
from dimn_tf.service import thumbnails, whole_photos
from tests.dimn_tf.service import thumbnails_test
from tests.dimn_tf.service.running import running

SMALL = thumbnails.made(dummy_images.encoded("a.jpg", 90, 60))
KEPT = {
    "broken": thumbnails_test.MAKER + b", and no image",
    "exif": thumbnails_test.photo(30, 60),
    "large": dummy_images.encoded("b.jpg", 600, 300),
    "png": images.encode_png(dummy_images.pixels(1, 60, 30)),
    "small": SMALL,
}


@pytest.fixture
def old(halves_export, tmp_path):
    """A gallery of five entries, and what an older version kept beside it."""
    model = halves_export.model
    with Gallery.create(tmp_path / "people", model.sha256, model.dimension) as gallery:
        gallery.add([Entry(name, np.ones(model.dimension)) for name in KEPT])
    state = state_lib.State(tmp_path / "service")
    for name, content in KEPT.items():
        state.put_picture(name, content)
    state.close()
    with contextlib.closing(_file(tmp_path)) as file:
        file.execute("PRAGMA user_version = 0")
    return model


def _file(folder):
    return sqlite3.connect(folder / "service" / state_lib.FILE)


def _prepared(model, folder):
    people = people_lib.People(
        str(folder / "people"), model.sha256, model.dimension, folder / "service"
    )
    while not people.prepare():
        pass
    return people


def _check(people, folder):
    for name, content in KEPT.items():
        expected = None if name == "broken" else thumbnails.shown(content)
        assert people.picture(name) == expected
    assert people.picture("small") == SMALL and len(people) == len(KEPT)
    held = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert not any(thumbnails_test.MAKER in content for content in held)
    assert not any(KEPT["large"][2_000:2_040] in content for content in held)


@pytest.mark.parametrize("at_a_time", [1, 2, 16])
def test_they_are_made_small_once_and_one_line_says_so(
    old, tmp_path, monkeypatch, caplog, at_a_time
):
    logging.set_verbosity(logging.WARNING)
    monkeypatch.setattr(whole_photos, "_AT_A_TIME", at_a_time)
    people = _prepared(old, tmp_path)
    _check(people, tmp_path)
    people.close()
    (line,) = caplog.messages
    assert "3 were made small, 1 could not be read and were removed" in line
    with monkeypatch.context() as patched:
        patched.setattr(state_lib.State, "pictured", None)  # None is looked for again.
        people = _prepared(old, tmp_path)
    _check(people, tmp_path)
    people.close()
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("done", range(4))
def test_where_it_is_killed_it_goes_on(old, tmp_path, monkeypatch, done):
    left, put = done, state_lib.State.put_picture

    def killed(self, *given):
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        put(self, *given)

    with monkeypatch.context() as patched:
        patched.setattr(state_lib.State, "put_picture", killed)
        if done == 3:  # All are small, but for the mark.
            patched.setattr(state_lib.State, "mark_small_pictures", killed)
        with pytest.raises(KeyboardInterrupt):
            _prepared(old, tmp_path)
    with contextlib.closing(_file(tmp_path)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (0,)
        kept = dict(file.execute("SELECT entry_id, content FROM pictures").fetchall())
    assert sum(kept.get(name) != content for name, content in KEPT.items()) == 1 + done
    people = _prepared(old, tmp_path)
    _check(people, tmp_path)
    people.close()


def test_what_this_version_keeps_is_never_looked_through(
    halves_export, tmp_path, monkeypatch
):
    monkeypatch.setattr(state_lib.State, "pictured", None)
    _prepared(halves_export.model, tmp_path).close()


def test_a_service_does_it_before_it_is_ready(old, tmp_path):
    with running(old, tmp_path) as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/v1/pictures/small").content == SMALL
        assert client.get("/v1/pictures/broken").status_code == 404
        with contextlib.closing(_file(tmp_path)) as file:
            found = file.execute("SELECT content FROM pictures").fetchall()
        assert all(thumbnails.shown(content) == content for (content,) in found)
        assert len(found) == 4
