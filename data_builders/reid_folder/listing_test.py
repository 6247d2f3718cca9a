"""Tests of what a user's folder lists, on noise images."""

import os
import pathlib

import pytest

from data_builders import dummy_images
from data_builders.reid_folder import listing, reference
from dimn_tf.errors import DataError

_FOLDER = ("alice/01_1.png", "alice/02_1.jpg", "bob/01_7.bmp", "bob/sub/02_9.png")


@pytest.fixture
def crops(tmp_path) -> pathlib.Path:
    dummy_images.write(tmp_path / "crops", _FOLDER)
    return tmp_path / "crops"


def test_faults_of_a_folder_are_named(crops):
    (crops / "stray.png").write_bytes(b"")
    (crops / "alice/notes.txt").write_text("x")
    (crops / "alice/nocamera.png").write_bytes(b"")
    (crops / "alice/Thumbs.db").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        listing.read(reference.parse(rf"{crops}?camera=^(\d+)_"))
    message = str(caught.value)
    assert "3 faults in 7 images" in message
    for part in ("stray.png: an image outside", "notes.txt: no image", "nocamera.png"):
        assert part in message


def test_a_folder_that_links_to_itself_ends(crops):
    (crops / "alice/again").symlink_to(crops)
    names = [x.file_name for x in listing.read(reference.parse(str(crops))).images]
    assert names == list(_FOLDER)


def test_folders_that_cannot_be_listed_are_faults_and_those_seen_before_are_told(
    crops, monkeypatch
):
    (crops / "carol").symlink_to("bob")
    again = f"carol: the folder {crops}/bob again"
    assert again in listing.read(reference.parse(str(crops))).passed_over
    listed = os.scandir
    for unreadable, name in ((crops / "alice", "alice"), (crops, ".")):

        def refuse(path, unreadable=unreadable):
            if pathlib.Path(path) == unreadable:
                raise PermissionError(13, "Permission denied")
            return listed(path)

        monkeypatch.setattr(os, "scandir", refuse)
        with pytest.raises(DataError, match="lists what cannot be used") as caught:
            listing.read(reference.parse(str(crops)))
        assert f"{name}: Permission denied" in caught.value.found
