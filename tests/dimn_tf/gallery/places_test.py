"""Where a gallery is, by its name alone, and what is asked before one is made."""

import pytest

from dimn_tf import errors
from dimn_tf.gallery import gallery, milvus_gallery, places


@pytest.fixture
def opened(monkeypatch):
    """What is opened in place of a gallery: its kind and what it is given."""
    found = []
    for module, name in ((gallery, "Gallery"), (milvus_gallery, "MilvusGallery")):
        kind = type(name, (), {})
        kind.__init__ = lambda self, *given: found.append((type(self).__name__, given))
        kind.create = classmethod(
            lambda cls, *given, before_making: found.append(
                (f"make {cls.__name__}", given)
            )
        )
        monkeypatch.setattr(module, name, kind)
    return found


def test_a_place_is_a_folder_a_server_or_a_file_of_milvus_lite(opened, monkeypatch):
    monkeypatch.setenv("HOME", "/home/anna")
    for place in (
        "people", "milvus:http://h:1#people", "milvus:~/a#b.db#people", "milvus:c.db#p"
    ):  # fmt: skip
        places.open_gallery(place, "sha")
        places.create(place, "sha", 7, "hnsw")
    assert opened == [
        ("Gallery", ("people", "sha")),
        ("make Gallery", ("people", "sha", 7, "hnsw")),
        ("MilvusGallery", ("http://h:1", "people", "sha")),
        ("make MilvusGallery", ("http://h:1", "people", "sha", 7, "hnsw")),
        ("MilvusGallery", ("/home/anna/a#b.db", "people", "sha")),
        ("make MilvusGallery", ("/home/anna/a#b.db", "people", "sha", 7, "hnsw")),
        ("MilvusGallery", ("c.db", "p", "sha")),
        ("make MilvusGallery", ("c.db", "p", "sha", 7, "hnsw")),
    ]


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("folder", places.create),
        ("folder", places.open_or_create),
        ("milvus", places.create),
        ("milvus", places.open_or_create),
        ("empty file", places.create),  # Which a making leaves that is killed.
    ],
)
def test_what_is_raised_before_a_gallery_is_made_has_none_made(tmp_path, kind, make):
    place, model = str(tmp_path / "g"), "ab" * 32
    if kind == "milvus":
        pytest.importorskip("pymilvus", reason="the extra `milvus` is not installed")
        place = f"milvus:{tmp_path / 'm.db'}#people"
    elif kind == "empty file":
        (tmp_path / "g").mkdir()
        (tmp_path / "g/gallery.sqlite").touch()
    asked = []

    def refuse():
        asked.append(place)
        raise errors.UserError("not here")

    for _ in range(2):
        with pytest.raises(errors.UserError, match="not here"):
            make(place, model, 4, before_making=refuse)
        if kind == "folder":
            assert not list(tmp_path.iterdir())
    assert asked == [place] * 2
    make(place, model, 4, before_making=lambda: asked.append("made")).close()
    make(place, model, 4, before_making=refuse).close()  # It is there.
    assert asked[2:] == ["made"]


def test_the_log_of_a_file_that_lies_aside_stays(tmp_path):
    place, model = tmp_path / "g", "ab" * 32
    places.create(str(place), model, 4).close()
    (place / "gallery.sqlite").rename(tmp_path / "aside")
    log = place / "gallery.sqlite-wal"
    log.write_bytes(b"changes that were not yet taken into the file")

    def refuse():
        raise errors.UserError("not here")

    with pytest.raises(errors.UserError, match="not here"):
        places.create(str(place), model, 4, before_making=refuse)
    assert log.read_bytes().startswith(b"changes")
