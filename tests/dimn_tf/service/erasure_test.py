"""What is removed over HTTP, or behind the service's back, is on no file any more."""

import time

import pytest

from data_builders import dummy_images
from dimn_tf import images
from dimn_tf.gallery import Gallery
from dimn_tf.service import sweeper, thumbnails
from tests.dimn_tf.service.running import running

IMAGES = [images.encode_png(dummy_images.pixels(i, 120, 60)) for i in range(6)]
_PIECE = 16  # Bytes by which a content is known.


def _enrol(client):
    """The ids of 6 entries of 3 people."""
    return [
        client.post(
            "/v1/entries",
            files={"image": ("x.png", image)},
            data={"person_id": f"person-{i // 2}"},
        ).json()["id"]
        for i, image in enumerate(IMAGES)
    ]


def _vectors(folder, names):
    with Gallery(folder / "people") as gallery:
        return gallery.vectors(names)


def _left(folder, vectors, names):
    """Numbers of the entries of which anything lies in a file: all kinds alike."""
    pictures = _pictured(folder)
    assert pictures == _found(folder, [vector.tobytes() for vector in vectors])
    assert pictures == _found(folder, [name.encode() for name in names])
    return pictures


def _pictured(folder):
    """Numbers of the pictures of which anything lies in a file."""
    return _found(folder, [thumbnails.made(image) for image in IMAGES])


def _found(folder, contents):
    """Numbers of the contents of which a piece that no other has lies in a file."""
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    found = []
    for number, content in enumerate(contents):
        others = contents[:number] + contents[number + 1 :]
        pieces = [
            content[i : i + _PIECE] for i in range(0, len(content) - _PIECE + 1, _PIECE)
        ]
        own = [p for p in pieces if not any(p in other for other in others)]
        assert own
        if any(piece in file for piece in own for file in files):
            found.append(number)
    return found


def test_removed_over_http_it_is_on_no_file(dimn_export, tmp_path):
    with running(dimn_export.model, tmp_path) as client:
        names = _enrol(client)
        vectors = _vectors(tmp_path, names)
        logs = [f"{p}-wal" for p in ("people/gallery.sqlite", "service/service.sqlite")]
        assert all((tmp_path / log).exists() for log in logs)
        assert _left(tmp_path, vectors, names) == [0, 1, 2, 3, 4, 5]
        assert client.delete(f"/v1/entries/{names[0]}").status_code == 200
        assert _left(tmp_path, vectors, names) == [1, 2, 3, 4, 5]
        assert client.delete("/v1/persons/person-1").status_code == 200
        assert _left(tmp_path, vectors, names) == [1, 4, 5]
        assert all((tmp_path / log).exists() for log in logs)
        told = client.post("/page/remove", data={"entry_id": names[4]})
        assert "Removed for good." in told.text
        assert _left(tmp_path, vectors, names) == [1, 5]
    assert _left(tmp_path, vectors, names) == [1, 5]


def test_what_was_removed_behind_its_back_is_not_served_and_goes(dimn_export, tmp_path):
    said = []
    with running(dimn_export.model, tmp_path, log=said.append) as client:
        names = _enrol(client)
        vectors = _vectors(tmp_path, names)
        with Gallery(tmp_path / "people") as other:
            other.remove(names[:4])
        picture = client.get(f"/v1/pictures/{names[0]}")
        assert picture.status_code == 404
        assert picture.json()["type"] == "urn:dimn_tf:problem:no_picture"
        assert _pictured(tmp_path) == [1, 2, 3, 4, 5]
        assert client.delete(f"/v1/entries/{names[1]}").status_code == 200
        assert client.delete(f"/v1/entries/{names[1]}").status_code == 404
        assert _pictured(tmp_path) == [2, 3, 4, 5]
        # Whose entries they were nobody can tell any more: all that is gone goes.
        assert client.delete("/v1/persons/person-1").status_code == 404
        assert _left(tmp_path, vectors, names) == [4, 5]
        assert client.get(f"/v1/pictures/{names[4]}").status_code == 200
    (line,) = said
    assert line.startswith("2 entries were removed by another process")


@pytest.mark.parametrize("keep_days", [0.0, 1.0])
def test_while_it_runs_it_looks_for_what_others_removed(
    dimn_export, tmp_path, monkeypatch, keep_days
):
    monkeypatch.setattr(sweeper, "_SECONDS", 0.05)
    with running(dimn_export.model, tmp_path, keep_days=keep_days) as client:
        names = _enrol(client)
        vectors = _vectors(tmp_path, names)
        with Gallery(tmp_path / "people") as other:
            other.remove(names[2:])
        end = time.monotonic() + 30
        while _pictured(tmp_path) != [0, 1]:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert _left(tmp_path, vectors, names) == [0, 1]
        assert client.get("/readyz").json()["entries"] == 2
