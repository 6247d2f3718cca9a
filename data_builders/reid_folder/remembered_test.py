"""What is noted of a build is recalled for its place alone."""

import pathlib

import pytest

from data_builders.reid_folder import reference, remembered

_BUILD = remembered.Build("crops-1234", "ab" * 8, ("train", "val"))


@pytest.mark.parametrize("name", ["crops", "Zürich 人物", "b\udcf6"])  # As os.fsdecode.
def test_a_build_is_recalled_by_its_place_and_pattern(tmp_path, name):
    place = reference.FolderReference(pathlib.Path("/x") / name, r"^(\d)_")
    assert remembered.recall(tmp_path, place) is None
    remembered.note(tmp_path, place, _BUILD)
    assert remembered.recall(tmp_path, place) == _BUILD
    for other in (
        reference.FolderReference(place.path),
        reference.FolderReference(place.path / "y", place.camera_pattern),
    ):
        assert remembered.recall(tmp_path, other) is None
    assert remembered.recall(tmp_path / "elsewhere", place) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b'{"config": "crops-1',
        b"\xff\xfe\0",
        b"[]",
        b"[" * 100_000,
        b"{}",
        b'{"config": 1, "rows": "ab", "training_splits": []}',
        b'{"config": "c", "rows": null, "training_splits": []}',
        b'{"config": "c", "rows": "ab", "training_splits": "train"}',
        b'{"config": "c", "rows": "ab", "training_splits": [1]}',
        b'{"config": "c", "rows": "ab", "training_splits": null}',
    ],
)
def test_a_damaged_note_is_none_and_is_written_anew(tmp_path, text):
    place = reference.FolderReference(pathlib.Path("/x/crops"))
    remembered.note(tmp_path, place, _BUILD)
    (file,) = (tmp_path / "reid_folder/.places").iterdir()
    file.write_bytes(text)
    assert remembered.recall(tmp_path, place) is None
    remembered.note(tmp_path, place, _BUILD)
    assert remembered.recall(tmp_path, place) == _BUILD


def test_the_last_build_stands_and_is_written_once(tmp_path):
    place = reference.FolderReference(pathlib.Path("/x/crops"))
    newer = remembered.Build("crops-5678", "cd" * 8, ())
    for build in (_BUILD, newer):
        remembered.note(tmp_path, place, build)
        assert remembered.recall(tmp_path, place) == build
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    # Notes of earlier versions are found: they are called so.
    assert file.parent == tmp_path / "reid_folder" / ".places" and len(file.stem) == 32
    before = file.stat().st_mtime_ns, file.stat().st_ino
    remembered.note(tmp_path, place, newer)  # Nothing new: the file is left alone.
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before
