"""Crops of a built data set: one process a folder, nothing of a killed one's."""

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


def test_a_folder_that_another_process_makes_meanwhile_is_left_alone(
    flags, tmp_path, monkeypatch
):
    told, theirs = files.told, tmp_path / "crops" / "0001"

    def late(path):
        theirs.mkdir(parents=True, exist_ok=True)
        return told(path)

    monkeypatch.setattr(files, "told", late)
    error = launcher.launch("extract_images", *flags, code=1)
    assert error.startswith(f"error: --folder={tmp_path / 'crops'}: another process ma")
    assert _names(tmp_path) == ["crops"] and _names(tmp_path / "crops") == ["0001"]
    assert not _names(theirs)


def test_what_a_killed_process_left_is_none_of_it(flags, tmp_path):
    (tmp_path / f".crops.{'0a' * 8}.partial" / "0777").mkdir(parents=True)
    printed = launcher.launch("extract_images", *flags)
    assert printed.startswith("27 images of 9 people: ")
    assert _names(tmp_path) == ["crops"]
    assert _names(tmp_path / "crops") == [f"{person:04d}" for person in range(1, 10)]


def test_an_image_that_cannot_be_written_leaves_nothing(flags, tmp_path, monkeypatch):
    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "told", full)
    assert "No space left" in launcher.launch("extract_images", *flags, code=1)
    assert not _names(tmp_path)
