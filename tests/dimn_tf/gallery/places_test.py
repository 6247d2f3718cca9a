"""Where a gallery is, by its name alone; nothing is opened."""

import pytest

from dimn_tf.gallery import gallery, milvus_gallery, places


@pytest.fixture
def opened(monkeypatch):
    """What is opened in place of a gallery: its kind and what it is given."""
    found = []
    for module, name in ((gallery, "Gallery"), (milvus_gallery, "MilvusGallery")):
        kind = type(name, (), {})
        kind.__init__ = lambda self, *given: found.append((type(self).__name__, given))
        kind.create = classmethod(
            lambda cls, *given: found.append((f"make {cls.__name__}", given))
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
