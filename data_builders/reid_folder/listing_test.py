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


def test_links_to_images_that_are_gone_are_all_named(crops):
    named = reference.parse(str(crops))
    whole = listing.read(named)
    disk = crops.parent / "disk"
    (crops / "bob").rename(disk)
    (crops / "bob" / "sub").mkdir(parents=True)
    for name in ("01_7.bmp", "sub/02_9.png"):
        (crops / "bob" / name).symlink_to(disk / name)
    assert listing.read(named) == whole
    disk.rename(crops.parent / "away")
    with pytest.raises(listing.GoneError) as caught:
        listing.read(named)
    assert caught.value.found.splitlines() == [
        "2 faults in 4 images listed:",
        "    bob/01_7.bmp: no such file, a link to nothing",
        "    bob/sub/02_9.png: no such file, a link to nothing",
    ]
    assert caught.value.rows == listing.rows_digest(named, whole.images)
    skipped = []
    names = [x.file_name for x in listing.read(named, skipped).images]
    assert names == ["alice/01_1.png", "alice/02_1.jpg"]
    assert [place for place, _ in skipped] == ["bob/01_7.bmp", "bob/sub/02_9.png"]


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        ("gone", listing.GoneError, "nothing"),
        ("gone.csv", listing.GoneError, "nothing"),
        ("file", DataError, "something else"),
        ("folder.csv", DataError, "something else"),
        ("x" * 300, DataError, "File name too long"),
    ],
)
def test_what_is_not_there_is_told_apart_from_what_is_something_else(
    tmp_path, name, kind, found
):
    (tmp_path / "file").touch()
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="there is no such data set") as caught:
        listing.read(reference.FolderReference(tmp_path / name))
    fault = caught.value
    assert type(fault) is kind and fault.found == found
    assert fault.expected == ("a CSV file" if name[-4:] == ".csv" else fault.expected)


def _csv(crops, *rows):
    path = crops.parent / "list.csv"
    path.write_text("\n".join(["path,person_id,split", *rows]) + "\n")
    return reference.FolderReference(path)


def test_single_faults_are_handed_over_in_the_order_of_their_lines(crops):
    named = _csv(
        crops,
        *(f"crops/none{i}.png,ann,train" for i in range(9)),
        "crops/alice/01_1.png,alice,train",
        ",bo,train",
    )
    skipped = []
    (image,) = listing.read(named, skipped).images
    assert image.person == "alice"
    lines = [*range(2, 11), 12]
    assert [place for place, _ in skipped] == [f"line {line}" for line in lines]
    # Nothing but faults is handed over too; nothing at all is an error.
    skipped = []
    assert not listing.read(_csv(crops, ",bo,train"), skipped).images and skipped
    with pytest.raises(DataError, match="lists no image") as caught:
        listing.read(_csv(crops), [])
    assert caught.value.path == str(crops.parent / "list.csv")


@pytest.mark.parametrize(("count", "more"), [(50, ""), (51, "    and 1 more")])
def test_the_first_fifty_faults_are_listed(tmp_path, count, more):
    faults = [(f"line {i}", "bad") for i in range(count, 0, -1)]
    with pytest.raises(listing.GoneError) as caught:
        listing.refuse(tmp_path, faults, 1_234, listing.GoneError)
    lines = caught.value.found.splitlines()
    assert lines[0] == f"{count} faults in 1,234 images listed:"
    assert lines[1] == "    line 1: bad" and lines[50] == "    line 50: bad"
    assert lines[51:] == ([more] if more else [])


def _images(*rows):
    return tuple(
        listing.ListedImage(f"{i}.png", f"{i}.png", person, "", split)
        for i, (person, split) in enumerate(rows)
    )


def test_a_summary_names_the_first_five_persons_and_the_splits_that_matter(tmp_path):
    def summary(*rows):
        return listing.Listing(tmp_path, tmp_path, _images(*rows)).summary()

    five = [(name, "images") for name in "abcdea"]
    told = "5 persons, 6 images, no cameras told; persons: "
    assert summary(*five) == [told + "a (2), b (1), c (1), d (1), e (1)"]
    (line,) = summary(*five, ("f", "images"))
    assert line.endswith("d (1), e (1), ...") and "f (1)" not in line
    first, *splits = summary(("a", "train"), ("b", "val"))
    assert [line.split(":")[0] for line in splits] == ["split train", "split val"]
    assert len(summary(("a", "probe"))) == 2 and len(summary(("a", "gallery"))) == 2
    assert len(summary(("a", "train"))) == 1
