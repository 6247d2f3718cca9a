"""A gallery's file is made whole, or not at all."""

import contextlib
import sqlite3

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.gallery import Entry, Gallery, sqlite_connections

D, MODEL = 4, "ab" * 32


@pytest.fixture
def folder(tmp_path):
    """Where a gallery may be made."""
    return tmp_path / "people"


def test_an_empty_file_is_no_gallery_and_is_filled(folder):
    folder.mkdir()
    (folder / "gallery.sqlite").write_bytes(b"")
    with pytest.raises(errors.UserError, match="is no gallery"):
        Gallery(folder)
    with Gallery.create(folder, MODEL, D) as gallery:
        gallery.add([Entry("a", np.ones(D))])
    with Gallery(folder) as gallery:
        assert len(gallery) == 1


def test_another_programs_file_is_left_alone(folder):
    folder.mkdir()
    with contextlib.closing(sqlite3.connect(folder / "gallery.sqlite")) as other:
        other.execute("CREATE TABLE songs (name TEXT)")
        other.commit()
    before = (folder / "gallery.sqlite").read_bytes()
    for attempt in (lambda: Gallery(folder), lambda: Gallery.create(folder, MODEL, D)):
        with pytest.raises(errors.UserError, match="is no gallery"):
            attempt()
    assert (folder / "gallery.sqlite").read_bytes() == before


def test_a_making_that_fails_leaves_nothing(folder, monkeypatch):
    def full(connection):
        connection.execute("CREATE TABLE half (x)")
        connection.execute("PRAGMA max_page_count=2")
        for _ in range(9):
            connection.execute("CREATE TABLE " + "x" * 99 + f"{_} (x)")

    monkeypatch.setattr(sqlite_connections, "log_ahead", full)
    place = folder / "deep" / "people"
    with pytest.raises(errors.UserError, match="sqlite: the disk is full"):
        Gallery.create(place, MODEL, D)
    assert not folder.exists()


def test_places_that_cannot_hold_a_gallery_are_named(folder):
    folder.mkdir()
    (folder / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Gallery.create(folder / "file" / "people", MODEL, D)
    with pytest.raises(errors.UserError, match="there is no gallery"):
        Gallery(folder / "file")
    (folder / "gallery.sqlite").mkdir()
    with pytest.raises(errors.UserError, match="sqlite: it cannot be opened"):
        Gallery.create(folder, MODEL, D)
