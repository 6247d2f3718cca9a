"""A gallery's file that is replaced while it is open: nothing is said to be done."""

import os
import shutil

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.gallery import Entry, Gallery, replaced, sqlite_connections

D, MODEL = 4, "ab" * 32


def _entry(name):
    vector = np.random.default_rng(sum(map(ord, name))).normal(size=D)
    return Entry(name, vector / np.linalg.norm(vector), "anna")


@pytest.fixture
def folder(tmp_path):
    """A gallery of one entry, and its backup."""
    with Gallery.create(tmp_path / "people", MODEL, D) as gallery:
        gallery.add([_entry("a")])
    shutil.copytree(tmp_path / "people", tmp_path / "backup")
    return tmp_path / "people"


def _folder_anew(folder):
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name("backup"), folder)


def _folder_moved(folder):
    folder.rename(folder.with_name("aside"))
    shutil.copytree(folder.with_name("backup"), folder)


def _file_alone(folder):
    copy = folder.with_name("copy")
    shutil.copy(folder.with_name("backup") / "gallery.sqlite", copy)
    os.replace(copy, folder / "gallery.sqlite")


WAYS = [_folder_anew, _folder_moved, _file_alone]


@pytest.mark.parametrize("way", WAYS)
def test_no_change_of_a_file_that_was_replaced_is_acknowledged(folder, way):
    with Gallery(folder) as gallery:
        gallery.add([_entry("b")])
        way(folder)
        for change in (
            lambda: gallery.add([_entry("c")]),
            lambda: gallery.add([_entry("a")], replace=True),
            lambda: gallery.remove(["a"]),
            gallery.clear_gaps,
        ):
            for _ in range(2):
                with pytest.raises(replaced.Replaced, match="it was replaced"):
                    change()
    with Gallery(folder) as gallery:
        assert set(gallery.persons()) == {"a"}
        gallery.add([_entry("d")])
        assert len(gallery) == 2


@pytest.mark.parametrize("way", WAYS)
def test_what_was_replaced_is_not_read_either(folder, way):
    probe = _entry("a").vector[np.newaxis]
    with Gallery(folder) as gallery:
        assert gallery.search(probe, 1)
        way(folder)
        for read in (
            lambda: gallery.search(probe, 1),
            lambda: gallery.known(["a"]),
            lambda: gallery.identity,
            lambda: len(gallery),
        ):
            with pytest.raises(replaced.Replaced, match="gallery.sqlite.*replaced"):
                read()


def test_what_is_replaced_within_a_change_is_noticed_at_its_end(folder, monkeypatch):
    patient = sqlite_connections.patiently
    with Gallery(folder) as gallery:
        begun = []

        def replacing(path, action):
            found = patient(path, action)
            begun.append(action)
            if len(begun) == 2:  # Within the transaction.
                _folder_anew(folder)
            return found

        monkeypatch.setattr(sqlite_connections, "patiently", replacing)
        with pytest.raises(replaced.Replaced):
            gallery.add([_entry("c")])
        monkeypatch.undo()
    with Gallery(folder) as gallery:
        assert set(gallery.persons()) == {"a"}


def test_the_old_files_log_does_not_go_into_the_new_one(folder):
    with Gallery(folder) as gallery:
        gallery.add([_entry(f"b{i}") for i in range(100)])
        assert (folder / "gallery.sqlite-wal").stat().st_size
        _file_alone(folder)
    with Gallery(folder) as gallery:
        assert set(gallery.persons()) == {"a"}


def test_a_log_that_others_wrote_to_is_left_to_them(folder):
    gallery = Gallery(folder)
    gallery.add([_entry("b")])
    with Gallery(folder) as other:
        other.add([_entry("c")])
        _file_alone(folder)
        gallery.close()
        assert (folder / "gallery.sqlite-wal").stat().st_size


def test_a_folder_that_is_moved_away_and_back_is_the_same(folder):
    with Gallery(folder) as gallery:
        folder.rename(folder.with_name("aside"))
        with pytest.raises(errors.UserError, match="it cannot be reached"):
            len(gallery)
        folder.with_name("aside").rename(folder)
        gallery.add([_entry("b")])
    with Gallery(folder) as gallery:
        assert len(gallery) == 2


def test_a_file_that_comes_while_another_is_opened_is_the_one_that_is_open(
    folder, monkeypatch
):
    opened, calls = sqlite_connections.opened, []

    def replacing(path, options):
        connection = opened(path, options)
        calls.append(options)
        if len(calls) == 1:
            _folder_anew(folder)
        return connection

    monkeypatch.setattr(sqlite_connections, "opened", replacing)
    with Gallery(folder) as gallery:
        assert len(calls) == 2
        gallery.add([_entry("b")])
    with Gallery(folder) as gallery:
        assert len(gallery) == 2


def test_a_file_of_another_number_at_each_look_is_told(folder, monkeypatch):
    """Else it would be opened for ever."""
    monkeypatch.setattr(replaced.FileAt, "is_same", lambda self: False)
    with pytest.raises(errors.UserError, match="another file lay there after each"):
        Gallery(folder, MODEL)
