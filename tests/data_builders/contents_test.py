"""What an archive held, told again without reading it."""

import os
import shutil
import tarfile
import zipfile

import pytest

from data_builders import contents, testing

_FILES = {"P1/cam1/1.png": b"one", "P1/cam2/2.png": b"two!"}


def _folder(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


@pytest.fixture
def folder(tmp_path):
    return _folder(tmp_path / "CUHK02" / "Dataset", _FILES).parent


def _changes(folder):
    """What may be done to a folder, each with its name."""
    yield "an image more", lambda: _folder(folder, {"Dataset/P2/cam1/1.png": b"x"})
    yield "another size", lambda: _folder(folder, {"Dataset/P1/cam1/1.png": b"longer"})
    yield (
        "another name",
        lambda: os.rename(
            folder / "Dataset/P1/cam1/1.png", folder / "Dataset/P1/cam1/7.png"
        ),
    )
    yield "an image less", lambda: os.remove(folder / "Dataset/P1/cam2/2.png")


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("packed", [True, False])
def test_what_has_changed_is_noticed(tmp_path, folder, number, packed):
    def archive(name):
        if not packed:
            return folder
        testing.zip_folder(folder, tmp_path / name)
        return tmp_path / name

    noted = contents.digest(archive("a.zip"))
    assert not contents.has_changed(archive("again.zip"), noted)
    name, change = [*_changes(folder)][number]
    change()
    assert contents.has_changed(archive("b.zip"), noted), name


def test_renamed_packed_and_unpacked_it_is_the_same(tmp_path, folder):
    noted = contents.digest(folder)
    testing.zip_folder(folder, tmp_path / "a.zip")
    testing.zip_folder(folder / "Dataset", tmp_path / "inner.zip")
    with zipfile.ZipFile(tmp_path / "windows.zip", "w") as file:
        file.writestr("Dataset/", b"")
        for name, content in _FILES.items():
            info = zipfile.ZipInfo("x")
            info.filename = f".\\Dataset\\{name}".replace("/", "\\")
            file.writestr(info, content)
    for name in ("a.zip", "inner.zip", "windows.zip"):
        assert not contents.has_changed(tmp_path / name, noted), name
    (folder / "Dataset/Thumbs.db").touch()
    _folder(folder, {".git/HEAD": b"x"})
    testing.zip_folder(folder, tmp_path / "more.zip")
    assert not contents.has_changed(tmp_path / "more.zip", noted)
    assert not contents.has_changed(folder.rename(tmp_path / "cuhk02"), noted)


def test_a_tar_file_is_told_by_its_size_and_is_not_read(tmp_path, folder, monkeypatch):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as file:
        file.add(folder, "CUHK02")
    monkeypatch.setattr(tarfile, "open", None)
    noted = contents.digest(path)
    assert not contents.has_changed(path, noted)
    # Unpacked, nobody can tell.
    assert not contents.has_changed(folder, noted)
    with path.open("ab") as file:
        file.write(b"more")
    assert contents.has_changed(path, noted)


@pytest.mark.parametrize("noted", [None, 7, "", ["listed:"]])
def test_without_a_note_nothing_is_told(folder, noted):
    assert not contents.has_changed(folder, noted)


def test_what_cannot_be_listed_tells_nothing(tmp_path, folder):
    noted = contents.digest(folder)
    (tmp_path / "damaged.zip").write_bytes(b"PK\x03\x04")
    for name in ("damaged.zip", "gone.tar"):
        assert contents.digest(tmp_path / name) is None
        assert not contents.has_changed(tmp_path / name, noted)
    shutil.rmtree(folder)
    folder.mkdir()
    assert contents.has_changed(folder, noted)
