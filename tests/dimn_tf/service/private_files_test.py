"""What is written is its owner's alone, whatever the umask."""

import datetime
import os

import numpy as np
import pytest

from dimn_tf.gallery import Entry, Gallery
from dimn_tf.service import access, people, wishes

MODEL = "ab" * 32
NOW = datetime.datetime(2026, 11, 29, tzinfo=datetime.UTC)


@pytest.fixture(autouse=True)
def _open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def _modes(folder):
    return {
        path.name: path.stat().st_mode & 0o777
        for path in [folder, *folder.rglob("*")]
        if not path.name.endswith(".lock")  # They are empty.
    }


def test_gallery_and_state(tmp_path):
    place = tmp_path / "galleries" / "g"
    opened = people.People(str(place), MODEL, 3, place / "service")
    wish = wishes.Wish("e", "anna", None, None, b"picture", False)
    opened.enrol(wish, np.ones(3, np.float32), NOW)
    modes = _modes(place)  # While SQLite's logs are there too.
    assert {"gallery.sqlite-wal", "service.sqlite-wal", "gallery.sqlite"} <= set(modes)
    for name, mode in modes.items():
        assert mode == (0o700 if name in ("g", "service") else 0o600), name
    opened.close()


def test_a_state_elsewhere(tmp_path):
    opened = people.People(str(tmp_path / "g"), MODEL, 3, tmp_path / "s")
    opened.close()
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700


def test_a_kept_graph(tmp_path):
    with Gallery.create(tmp_path / "g", MODEL, 3, "hnsw") as gallery:
        gallery.add([Entry("e", np.ones(3, np.float32))])
        gallery.keep_index()
    (graph,) = (tmp_path / "g").glob("index-*.faiss")
    assert graph.stat().st_mode & 0o777 == 0o600


def test_what_others_can_read_is_told(tmp_path, caplog):
    place = str(tmp_path / "g")
    people.People(place, MODEL, 3, tmp_path / "s").close()
    assert "others on this machine" not in caplog.text
    (tmp_path / "s").chmod(0o755)
    people.People(place, MODEL, 3, tmp_path / "s").close()
    assert "others on this machine" not in caplog.text  # The file is closed to them.
    (tmp_path / "s" / "service.sqlite").chmod(0o644)
    people.People(place, MODEL, 3, tmp_path / "s").close()
    assert "others on this machine can read it. chmod -R go= " in caplog.text


def test_a_token_file_that_others_can_read_is_told(tmp_path, caplog):
    path = tmp_path / "tokens"
    path.write_text(f"anna {'x' * 20}\n")
    path.chmod(0o600)
    access.read_tokens(path)
    assert not caplog.text
    path.chmod(0o640)
    access.read_tokens(path)
    assert "--token_file=" in caplog.text and "chmod 600 it" in caplog.text
