"""Crops of a built data set: one process a folder, nothing of a killed one's."""

import os

import pytest

from dimn_tf import files
from dimn_tf.data import records
from tests.dimn_tf.training import tiny_run
from tests.experiments import launcher


@pytest.fixture
def flags(tmp_path, monkeypatch):
    """Of nine persons with three images each, and the folder to make."""
    source = tiny_run.source("cuhk02/partial", 9, seed=1)
    monkeypatch.setattr(records, "load_records", lambda name, data_dir: source)
    return "--dataset=cuhk02/partial", f"--folder={tmp_path / 'crops'}"


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_that_is_being_written_is_left_alone(flags, tmp_path):
    partial = tmp_path / ".crops.partial"
    (partial / "0001").mkdir(parents=True)
    (partial / "0001" / "1_a.png").touch()
    handle = os.open(partial, os.O_RDONLY)
    try:
        assert files.take(handle, partial)
        error = launcher.launch("extract_images", *flags, code=1)
    finally:
        os.close(handle)
    assert error.startswith(f"error: --folder={tmp_path / 'crops'}: another process is")
    assert (partial / "0001" / "1_a.png").exists() and _names(tmp_path) == [
        ".crops.partial"
    ]


def test_what_a_killed_process_left_is_none_of_it(flags, tmp_path):
    (tmp_path / ".crops.partial" / "0777").mkdir(parents=True)
    printed = launcher.launch("extract_images", *flags)
    assert printed.startswith("27 images of 9 people: ")
    assert _names(tmp_path) == ["crops"]
    assert _names(tmp_path / "crops") == [f"{person:04d}" for person in range(1, 10)]


def test_a_folder_that_was_renamed_meanwhile_is_not_written_to(
    flags, tmp_path, monkeypatch
):
    """By the process that held it until just now."""
    take = files.take

    def late(handle, path, *more):
        path.rename(tmp_path / "crops")
        return take(handle, path, *more)

    monkeypatch.setattr(files, "take", late)
    error = launcher.launch("extract_images", *flags, code=1)
    assert "another process is extracting into it" in error
    assert _names(tmp_path) == ["crops"] and not _names(tmp_path / "crops")


def test_an_image_that_cannot_be_written_leaves_nothing(flags, tmp_path, monkeypatch):
    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "told", full)
    assert "No space left" in launcher.launch("extract_images", *flags, code=1)
    assert not _names(tmp_path)
