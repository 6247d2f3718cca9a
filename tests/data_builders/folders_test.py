"""Tests of the one walk through a folder."""

import os
import sys

import pytest

from data_builders import folders


def _write(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_files_are_sorted_and_those_of_systems_are_left_out(tmp_path):
    _write(tmp_path, "b/2.png", "a/1.png", "a/Thumbs.db", "c.txt", "__MACOSX/a/1.png")
    assert folders.files_below(tmp_path).names == ["a/1.png", "b/2.png", "c.txt"]


def test_files_of_systems_are_left_out_whatever_case_they_are_in(tmp_path):
    names = ("thumbs.db", "Desktop.ini", "EhThumbs.DB", ".ds_store")
    _write(tmp_path, "a/1.png", "a/thumbs.db.png", *names)
    assert folders.files_below(tmp_path).names == ["a/1.png", "a/thumbs.db.png"]
    assert all(folders.is_system_file(f"a/{name}") for name in names)


def test_hidden_folders_are_passed_over_aloud(tmp_path):
    _write(tmp_path, "a/1.png", ".git/HEAD", "a/.thumbnails/1.png")
    found = folders.files_below(tmp_path)
    assert found.names == ["a/1.png"]
    assert found.hidden == [".git", "a/.thumbnails"]


def test_links_in_a_circle_end_and_each_folder_is_walked_once(tmp_path):
    # By each order of its links, this tree has 12! names for each of its files.
    for i in range(12):
        _write(tmp_path, f"{i:02d}/a.png")
        for j in range(12):
            (tmp_path / f"{i:02d}" / f"to_{j:02d}").symlink_to(f"../{j:02d}")
    (tmp_path / "03" / "up").symlink_to("..")
    found = folders.files_below(tmp_path)
    assert found.names == [f"{i:02d}/a.png" for i in range(12)]
    assert ("03/up", str(tmp_path)) in found.again
    assert len(found.again) == 12 * 12 + 1


def test_a_folder_keeps_the_name_that_is_no_link(tmp_path):
    _write(tmp_path, "zoe/1.png")
    (tmp_path / "anna").symlink_to("zoe")
    found = folders.files_below(tmp_path)
    assert found.names == ["zoe/1.png"]
    assert found.again == [("anna", f"{tmp_path}/zoe")]


def test_a_link_to_elsewhere_is_followed(tmp_path):
    _write(tmp_path, "elsewhere/1.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "bob").symlink_to(tmp_path / "elsewhere")
    assert folders.files_below(tmp_path / "set").names == ["bob/1.png"]


def test_what_was_walked_before_is_not_walked_again(tmp_path):
    _write(tmp_path, "a/1.png", "b/2.png")
    walked = {}
    assert folders.files_below(tmp_path / "a", walked).names == ["1.png"]
    found = folders.files_below(tmp_path, walked)
    assert (found.names, found.again) == (["b/2.png"], [("a", f"{tmp_path}/a")])


def test_what_is_passed_over_ends_nothing(tmp_path, monkeypatch):
    _write(tmp_path, "a/1.png", "b/2.png", "c/3.png", "d/4.png", "e/5.png")
    (tmp_path / "loop.png").symlink_to("loop.png")  # No folder, as who opens it sees.
    walked = {}
    folders.files_below(tmp_path / "d", walked)
    listed = os.scandir

    def refuse(path):
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = folders.files_below(tmp_path, walked)
    assert found.names == ["a/1.png", "c/3.png", "e/5.png", "loop.png"]
    assert [name for name, _ in found.again + found.unreadable] == ["d", "b"]


def test_what_cannot_be_listed_is_told(tmp_path, monkeypatch):
    _write(tmp_path, "a/1.png", "b/2.png")
    listed = os.scandir

    def refuse(path):
        if str(path).endswith("/a"):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = folders.files_below(tmp_path)
    assert (found.names, found.unreadable) == (
        ["b/2.png"],
        [("a", "Permission denied")],
    )
    assert folders.files_below(tmp_path / "no").unreadable[0][0] == ""


@pytest.mark.skipif(sys.platform == "darwin", reason="its names are all UTF-8")
def test_names_that_are_no_text_are_listed(tmp_path):
    with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb"):
        pass
    assert folders.files_below(tmp_path).names == ["caf\udce9.png"]
