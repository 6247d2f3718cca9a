"""Tests of the builder of a user's own data, on noise images."""

import os
import pathlib
import re
import shutil

import numpy as np
import PIL.Image
import pytest

from data_builders import dummy_images, registry
from dimn_tf.errors import DataError

FOLDER = ("alice/01_1.png", "alice/02_1.jpg", "bob/01_7.bmp", "bob/sub/02_9.png")


@pytest.fixture
def crops(tmp_path) -> pathlib.Path:
    dummy_images.write(tmp_path / "crops", FOLDER)
    return tmp_path / "crops"


def _csv(crops, *lines, header="path,person_id,camera_id,split") -> str:
    path = crops.parent / "mine.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return f"reid_folder:{path}"


def _build(name, tmp_path):
    return registry.build(name, tmp_path / "tfds", None, log=lambda line: None)


def _records(name, tmp_path):
    from dimn_tf.data import records

    _build(name, tmp_path)
    return records.load_records(name, str(tmp_path / "tfds"))


def _rows(found):
    columns = found.file_names, found.person_ids, found.camera_ids, found.splits
    return sorted(zip(*(c.tolist() for c in columns), strict=True))


def test_a_folder_a_person_with_cameras_in_the_names(crops, tmp_path):
    found = _records(rf"reid_folder:{crops}?camera=^(\d+)_", tmp_path)
    assert _rows(found) == [
        ("alice/01_1.png", 1, 1, "images"),
        ("alice/02_1.jpg", 1, 2, "images"),
        ("bob/01_7.bmp", 2, 1, "images"),
        ("bob/sub/02_9.png", 2, 2, "images"),
    ]
    # The bytes are those of the files, where TensorFlow reads them as they are.
    place = found.file_names.tolist().index("alice/01_1.png")
    assert found.encoded_images([place]) == [(crops / "alice/01_1.png").read_bytes()]


def test_without_a_pattern_no_cameras_are_known(crops, tmp_path):
    found = _records(f"reid_folder:{crops}", tmp_path)
    assert found.camera_ids.tolist() == [0] * 4


def test_a_csv_with_and_without_its_optional_columns(crops, tmp_path):
    name = _csv(
        crops,
        "crops/alice/01_1.png,17,door,probe",
        "crops/./alice/02_1.jpg,17,lift,gallery",
        "crops/bob/01_7.bmp,4,lift,gallery",
    )
    assert _rows(_records(name, tmp_path)) == [
        ("crops/alice/01_1.png", 17, 1, "probe"),
        ("crops/alice/02_1.jpg", 17, 2, "gallery"),
        ("crops/bob/01_7.bmp", 4, 2, "gallery"),
    ]
    name = _csv(crops, "crops/alice/01_1.png,x", header="path,person_id")
    assert _rows(_records(name, tmp_path)) == [("crops/alice/01_1.png", 1, 0, "images")]


def test_all_faults_of_a_csv_are_in_one_error_with_their_lines(crops, tmp_path):
    (crops / "cut.png").write_bytes((crops / "alice/01_1.png").read_bytes()[:60])
    name = _csv(
        crops,
        "crops/alice/01_1.png,1,1,a",
        "crops/none.png,1,1,a",
        "crops/alice/02_1.jpg,,1,a",
        "crops/x/../alice/01_1.png,2,1,a",
        "../elsewhere.png,2,1,a",
        "/etc/hostname,2,1,a",
        ",2,1,a",
        "crops/bob/01_7.bmp,2,,a",
        "crops/bob/sub/02_9.png,2,1,two words",
        "crops/bob/sub/02_9.png,2",
        "crops/cut.png,3,1,a",
    )
    with pytest.raises(DataError) as caught:
        _build(name, tmp_path)
    message = str(caught.value)
    assert "10 faults in 11 images" in message
    for part in (
        "line 3: crops/none.png: no such file",
        "line 4: crops/alice/02_1.jpg: empty person_id",
        "line 5: crops/alice/01_1.png: listed on line 2 already",
        "line 6: ../elsewhere.png: outside",
        "line 7: /etc/hostname: outside",
        "line 8: empty path",
        "line 9: crops/bob/01_7.bmp: empty camera_id",
        "line 10: split 'two words'",
        "line 11: 2 cells, not 4",
        "line 12: crops/cut.png: unreadable, cut off within its part IDAT",
    ):
        assert part in message
    # In the order of the lines.
    numbers = re.findall(r"line (\d+):", message)
    assert numbers == sorted(numbers, key=int)
    assert not list((tmp_path / "tfds").rglob("*.array_record*"))


def test_undecodable_images_are_all_named(crops, tmp_path):
    whole = (crops / "alice/01_1.png").read_bytes()
    (crops / "alice/01_2.png").write_bytes(whole[: len(whole) // 2])
    (crops / "bob/01_8.jpg").write_text("text")
    with pytest.raises(DataError) as caught:
        _build(f"reid_folder:{crops}", tmp_path)
    message = str(caught.value)
    assert "2 faults in 6 images" in message
    assert "alice/01_2.png: unreadable" in message
    assert "bob/01_8.jpg: unreadable" in message
    assert not list((tmp_path / "tfds").rglob("*"))


@pytest.mark.parametrize(
    ("header", "found"),
    [("path,person", "path,person"), ("path,person_id,note", "note"), ("", "empty")],
)
def test_other_headers_are_refused(crops, tmp_path, header, found):
    with pytest.raises(DataError, match="another header") as caught:
        _build(_csv(crops, header=header), tmp_path)
    assert found in str(caught.value)


@pytest.mark.parametrize("place", ["none", "none.csv"])
def test_a_place_that_is_not_there(tmp_path, place):
    with pytest.raises(DataError, match="no such data set") as caught:
        _build(f"reid_folder:{tmp_path / place}", tmp_path)
    assert str(tmp_path / place) in str(caught.value)


def test_the_bare_name_says_what_to_add(tmp_path):
    with pytest.raises(DataError, match="reid_folder:FOLDER"):
        _build("reid_folder", tmp_path)


def test_changed_data_are_built_anew(crops, tmp_path):
    name = f"reid_folder:{crops}"
    first = _build(name, tmp_path)
    assert registry.is_built(name, tmp_path / "tfds")
    assert _build(name, tmp_path).data_path == first.data_path
    PIL.Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(crops / "bob/01_8.png")
    assert not registry.is_built(name, tmp_path / "tfds")
    assert len(_records(name, tmp_path)) == 5
    # Another picture of the same size in bytes.
    path = crops / "bob/01_8.png"
    os.utime(path, ns=(0, os.stat(path).st_mtime_ns + 1))
    assert not registry.is_built(name, tmp_path / "tfds")


def _lines(name, tmp_path):
    lines = []
    registry.build(name, tmp_path / "tfds", None, log=lines.append)
    return "\n".join(lines)


def test_a_build_tells_the_first_persons_and_what_it_passed_over(crops, tmp_path):
    dummy_images.write(
        crops, ["-1/1.png", "0/2.png", "0000/3.png", ".git/4.png", ".thumbnails/5.png"]
    )
    said = _lines(rf"reid_folder:{crops}", tmp_path)
    assert "2 persons, 4 images, no cameras told; persons: alice (2), bob (2)" in said
    for folder in ("-1", "0", "0000"):
        assert f"passed over: {folder}: 1 images, by convention" in said
    for folder in (".git", ".thumbnails"):
        assert f"passed over: {folder}: a hidden folder" in said
    assert _rows(_records(f"reid_folder:{crops}", tmp_path))[0][1] == 1
    assert len(_records(f"reid_folder:{crops}", tmp_path)) == 4


def test_distractors_of_a_csv_are_passed_over(crops, tmp_path):
    name = _csv(
        crops,
        "crops/alice/01_1.png,-1,1,gallery",
        "crops/alice/02_1.jpg,0000,1,gallery",
        "crops/bob/01_7.bmp,2,1,probe",
    )
    assert "passed over: -1: 1 images" in _lines(name, tmp_path)
    found = _records(name, tmp_path)
    assert found.file_names.tolist() == ["crops/bob/01_7.bmp"]


_FOUR = [f"crops/{name}" for name in FOLDER]


@pytest.mark.parametrize(
    ("splits", "stored", "trained_on", "said"),
    [
        (
            ["train", "train", "query", "gallery"],
            ["train", "train", "probe", "gallery"],
            ("train",),
            ["split probe: 1 images, ranked", "split train: 2 images, trained on"],
        ),
        (
            ["Train", "val", "Probe", "GALLERY"],
            ["train", "val", "probe", "gallery"],
            ("train",),
            ["split val: 1 images, not used"],
        ),
        (
            ["a", "b", "probe", "gallery"],
            ["a", "b", "probe", "gallery"],
            ("a", "b"),
            ["split a: 1 images, trained on"],
        ),
        (
            ["query", "query", "gallery", "gallery"],
            ["probe", "probe", "gallery", "gallery"],
            ("train",),
            ["split gallery: 2 images, ranked"],
        ),
        (
            ["query", "query", "train", "train"],
            ["probe", "probe", "train", "train"],
            ("train",),
            ["split probe: 2 images, not used: there is no split 'gallery'"],
        ),
        (["a", "a", "b", "b"], ["a", "a", "b", "b"], ("a", "b"), []),
    ],
)
def test_splits_in_the_words_of_the_field(
    crops, tmp_path, splits, stored, trained_on, said
):
    lines = [
        f"{path},{i},1,{s}"
        for i, (path, s) in enumerate(zip(_FOUR, splits, strict=True), 1)
    ]
    name = _csv(crops, *lines)
    told = _lines(name, tmp_path)
    for line in said:
        assert line in told
    found = _records(name, tmp_path)
    assert sorted(found.splits.tolist()) == sorted(stored)
    assert found.training_splits == trained_on


def test_test_persons_are_not_trained_on(crops, tmp_path):
    from dimn_tf import errors
    from dimn_tf.data import domain

    lines = [
        f"{_FOUR[0]},1,1,train",
        f"{_FOUR[1]},2,1,query",
        f"{_FOUR[2]},2,2,gallery",
    ]
    found = _records(_csv(crops, *lines), tmp_path)
    trained = domain.build_domain(found, 0, 0, 0, None)
    assert trained.person_ids.tolist() == [1]
    found = _records(_csv(crops, *lines[1:]), tmp_path)
    with pytest.raises(errors.UserError, match="gallery, probe is trained on"):
        domain.build_domain(found, 0, 0, 0, None)


def test_a_place_has_one_name_from_every_folder(crops, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    built = _build("reid_folder:crops", tmp_path)
    for folder, place in [(crops, "."), (crops / "bob", ".."), ("/", "~/crops")]:
        monkeypatch.chdir(folder)
        assert registry.is_built(f"reid_folder:{place}", tmp_path / "tfds")
        same = _build(f"reid_folder:{place}", tmp_path)
        assert same.data_path == built.data_path


@pytest.mark.parametrize("kind", ["folder", "csv", "csv whose images are gone"])
def test_records_outlive_their_images_and_say_so(crops, tmp_path, kind):
    name = f"reid_folder:{crops}"
    if kind != "folder":
        name = _csv(crops, f"{_FOUR[0]},1,1,train", f"{_FOUR[1]},2,1,probe")
    first = _records(name, tmp_path)
    shutil.rmtree(crops)
    if kind == "csv":
        (crops.parent / "mine.csv").unlink()
    assert registry.is_built(name, tmp_path / "tfds")
    assert registry.missing_archives([name], tmp_path / "tfds", None) == []
    assert "the records that were built from it are used" in _lines(name, tmp_path)
    again = _records(name, tmp_path)
    assert again.file_names.tolist() == first.file_names.tolist()
    assert again.training_splits == first.training_splits
    with pytest.raises(DataError):  # Nothing was built elsewhere.
        registry.build(name, tmp_path / "other", None, log=lambda line: None)


def test_records_outlive_images_behind_links(crops, tmp_path):
    """A folder of links to a disk that is away."""
    disk = crops.rename(tmp_path / "disk")
    for name in FOLDER:
        (crops / name).parent.mkdir(parents=True, exist_ok=True)
        (crops / name).symlink_to(disk / name)
    name = f"reid_folder:{crops}"
    first = _records(name, tmp_path)
    disk.rename(tmp_path / "away")
    assert registry.is_built(name, tmp_path / "tfds")
    assert "the records that were built from it are used" in _lines(name, tmp_path)
    again = _records(name, tmp_path)
    assert again.file_names.tolist() == first.file_names.tolist()
    assert again.encoded_images([0]) == first.encoded_images([0])
    (crops / "carol").mkdir()  # Another list than the one that was built.
    (crops / "carol" / "1.png").symlink_to(disk / "1.png")
    with pytest.raises(DataError, match="5 faults in 5 images"):
        _build(name, tmp_path)


def test_a_build_mends_a_damaged_note(crops, tmp_path):
    name = f"reid_folder:{crops}"
    _build(name, tmp_path)
    (note,) = (tmp_path / "tfds/reid_folder/.places").iterdir()
    note.write_bytes(b"")
    _build(name, tmp_path)
    shutil.rmtree(crops)
    assert len(_records(name, tmp_path)) == 4
    note.write_bytes(b"")  # Nothing tells any more which records were built from it.
    with pytest.raises(DataError, match="there is no such data set"):
        _build(name, tmp_path)


def test_a_list_that_was_changed_is_not_taken_for_the_old_one(crops, tmp_path):
    name = _csv(crops, f"{_FOUR[0]},1,1,train", f"{_FOUR[1]},2,1,probe")
    _build(name, tmp_path)
    shutil.rmtree(crops)
    _csv(crops, f"{_FOUR[0]},1,1,train", f"{_FOUR[1]},3,1,probe")
    with pytest.raises(DataError, match="2 faults in 2 images"):
        _build(name, tmp_path)


def test_a_folder_with_some_images_gone_is_built_anew(crops, tmp_path):
    name = f"reid_folder:{crops}"
    _build(name, tmp_path)
    shutil.rmtree(crops / "bob")
    assert len(_records(name, tmp_path)) == 2


def test_each_image_is_decoded_once(crops, tmp_path, monkeypatch):
    from dimn_tf import images

    read, seen = images.read_file, []
    monkeypatch.setattr(
        images, "read_file", lambda path: seen.append(path) or read(path)
    )
    _build(f"reid_folder:{crops}", tmp_path)
    assert sorted(seen) == [crops / name for name in FOLDER]


def test_unreadable_images_of_all_splits_are_named_though_one_split_has_no_other(
    crops, tmp_path
):
    (crops / "alice/01_1.png").write_bytes(b"text")
    (crops / "bob/01_7.bmp").write_bytes(b"")
    name = _csv(crops, *(f"{x},{i + 1},1,s{i}" for i, x in enumerate(_FOUR)))
    with pytest.raises(DataError, match="2 faults in 4 images") as caught:
        _build(name, tmp_path)
    assert "line 2: crops/alice/01_1.png: unreadable, no kind of image" in str(
        caught.value
    )
    assert "line 4: crops/bob/01_7.bmp: unreadable, an empty file" in str(caught.value)
    assert not list((tmp_path / "tfds").rglob("*"))


def test_a_png_without_its_end_is_refused_while_building(crops, tmp_path):
    whole = (crops / "alice/01_1.png").read_bytes()
    (crops / "alice/01_1.png").write_bytes(whole[:-12])
    with pytest.raises(DataError, match=r"alice/01_1.png: .* its end \(IEND\)"):
        _build(f"reid_folder:{crops}", tmp_path)


def test_names_that_are_no_text_are_named(crops, tmp_path):
    with open(os.fsencode(crops) + b"/alice/caf\xe9.png", "wb") as file:
        file.write((crops / "alice/01_1.png").read_bytes())
    with pytest.raises(DataError, match="no UTF-8 text: rename it"):
        _build(f"reid_folder:{crops}", tmp_path)


def test_a_place_of_any_name_is_built(crops, tmp_path):
    for text in ("人物 ünïcode", "x" * 250, "a,b[1]*?"):
        place = tmp_path / text
        shutil.copytree(crops, place)
        assert len(_records(f"reid_folder:{place}", tmp_path)) == 4


def test_nothing_but_ours_is_said(crops, tmp_path, monkeypatch, capsys):
    warnings = []
    monkeypatch.setattr("absl.logging.warning", lambda *text: warnings.append(text))
    _build(f"reid_folder:{crops}", tmp_path)
    assert warnings == []
    assert capsys.readouterr() == ("", "")


def test_a_data_directory_that_cannot_be_written_is_said(crops, tmp_path):
    name = f"reid_folder:{crops}"
    _build(name, tmp_path)
    places = tmp_path / "tfds/reid_folder/.places"
    shutil.rmtree(places)
    places.write_text("a file")
    assert "will not be found without the images" in _lines(name, tmp_path)
