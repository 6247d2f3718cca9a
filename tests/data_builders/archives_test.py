"""Tests of the one way into archive files and folders."""

import errno
import io
import os
import pathlib
import tarfile
import zipfile

import pytest

from data_builders import archives
from dimn_tf.errors import DataError

_FILES = {"set/b/2.txt": b"two", "set/a/1.txt": b"one" * 1000, "set/readme": b"r"}


def _write_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("set/", b"")  # folders are entries too
        for name, content in files.items():
            file.writestr(name, content)


def _write_tar(path, files, prefix=""):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(prefix + name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def _write_folder(path, files):
    for name, content in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return path / "set"


@pytest.fixture(params=["zip", "tgz", "tar with ./", "folder"])
def archive(request, tmp_path):
    path = tmp_path / "set.zip"
    if request.param == "zip":
        _write_zip(path, _FILES)
    elif request.param == "folder":
        path = _write_folder(tmp_path, _FILES)
    else:
        path = tmp_path / "set.tar.gz"
        _write_tar(path, _FILES, "./" if "./" in request.param else "")
    with archives.open_archive(path) as opened:
        yield opened


def test_all_forms_hold_the_same(archive):
    assert {name: archive.read(name) for name in archive.names} == _FILES


@pytest.mark.parametrize("place", [".", "a/..", "../set", "link/..", "link/../../set"])
def test_a_folder_is_called_by_its_name_from_wherever_it_is_named(
    tmp_path, monkeypatch, place
):
    """`.` has none: `/a/1.txt` was listed, and read from the root."""
    root = _write_folder(tmp_path, _FILES)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/link").symlink_to(root / "b")
    monkeypatch.chdir(tmp_path / "elsewhere" if "link" in place else root)
    path = pathlib.Path(place)
    for opened in (archives.open_archive(place), archives.FolderArchive(path)):
        with monkeypatch.context() as elsewhere, opened as archive:
            elsewhere.chdir("/")
            assert {name: archive.read(name) for name in archive.names} == _FILES
            with archive.local_file("set/readme") as path:
                assert path.read_bytes() == b"r"


def test_local_file_is_a_real_file(archive):
    with archive.local_file("set/a/1.txt") as path:
        assert path.read_bytes() == _FILES["set/a/1.txt"]


def test_a_full_disk_is_not_called_a_damaged_archive(tmp_path, monkeypatch):
    _write_zip(tmp_path / "s.zip", _FILES)

    def refuse(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with archives.open_archive(tmp_path / "s.zip") as archive:
        monkeypatch.setattr("shutil.copyfileobj", refuse)
        with pytest.raises(DataError, match="no room to unpack") as caught:
            with archive.local_file("set/a/1.txt"):
                pass
    assert "damaged" not in str(caught.value)


def test_files_stay_in_storage_order(tmp_path):
    _write_zip(tmp_path / "s.zip", _FILES)
    _write_tar(tmp_path / "s.tgz", _FILES)
    for name in ("s.zip", "s.tgz"):
        with archives.open_archive(tmp_path / name) as archive:
            assert archive.names == list(_FILES)


def test_files_of_operating_systems_are_left_out(tmp_path):
    extra = ["set/a/Thumbs.db", "set/.DS_Store", "set/._1.txt", "__MACOSX/set/1.txt"]
    _write_zip(tmp_path / "s.zip", {**_FILES, **dict.fromkeys(extra, b"x")})
    with archives.open_archive(tmp_path / "s.zip") as archive:
        assert set(archive.names) == set(_FILES)


def test_root_is_what_leads_to_the_folders(archive):
    assert archive.root({"a", "c"}) == "set/"
    assert archive.root({"set"}) == ""
    with pytest.raises(DataError, match="set/a, set/b, set/readme"):
        archive.root({"c"})


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("", "no file"),
        ("abcde", "a/1, b/1, c/1, d/1, e/1"),
        ("abcdef", "a/1, b/1, c/1, d/1, e/1, ..."),
    ],
)
def test_what_an_archive_holds_instead_is_named(tmp_path, names, found):
    _write_zip(tmp_path / "s.zip", {f"{name}/1/2": b"" for name in names})
    if not names:
        zipfile.ZipFile(tmp_path / "s.zip", "w").close()
    with archives.open_archive(tmp_path / "s.zip") as archive:
        with pytest.raises(DataError, match="none of the data set's") as caught:
            archive.root({"P2", "P1"})
    assert (caught.value.found, caught.value.expected) == (found, "P1 or P2")


def test_root_twice_is_an_error(tmp_path):
    _write_zip(tmp_path / "s.zip", {"x/a/1": b"", "y/z/a/1": b""})
    with archives.open_archive(tmp_path / "s.zip") as archive:
        with pytest.raises(DataError, match="'x/' and 'y/z/'"):
            archive.root({"a"})


_MARKET = {"bounding_box_train", "bounding_box_test", "query"}


def _market(*folders):
    return {f"{folder}/1.jpg": b"" for folder in folders}


def test_a_users_copies_of_one_folder_are_not_the_data_set(tmp_path):
    """As layumi's prepare.py leaves Market-1501: `pytorch/query` beside `query`."""
    whole = [f"Market/{name}" for name in sorted(_MARKET)]
    copies = ["Market/pytorch/query/0001", "Market/pytorch/train/0002"]
    _write_zip(tmp_path / "whole.zip", _market(*copies, *whole))
    _write_zip(tmp_path / "two.zip", _market(*copies, *whole[1:]))
    for name in ("whole", "two"):
        with archives.open_archive(tmp_path / f"{name}.zip") as archive:
            assert archive.root(_MARKET) == "Market/"


@pytest.mark.parametrize("second", [slice(1, None), slice(None)])
def test_of_two_places_that_each_hold_most_none_is_taken(tmp_path, second):
    names = sorted(_MARKET)
    files = [*(f"x/{n}" for n in names), *(f"y/{n}" for n in names[second])]
    _write_zip(tmp_path / "s.zip", _market(*files))
    with archives.open_archive(tmp_path / "s.zip") as archive:
        with pytest.raises(DataError, match="'x/' and 'y/'"):
            archive.root(_MARKET)


def test_of_two_places_that_each_hold_a_little_none_is_taken(tmp_path):
    _write_zip(tmp_path / "s.zip", _market("x/query", "y/bounding_box_train"))
    with archives.open_archive(tmp_path / "s.zip") as archive:
        with pytest.raises(DataError, match="'x/' and 'y/'"):
            archive.root(_MARKET)


@pytest.mark.parametrize("ending", [".zip", ".tgz", ".tar.gz", ".tar"])
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>" * 100])
def test_what_is_no_archive_is_an_error(tmp_path, ending, content):
    path = tmp_path / f"set{ending}"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"set{ending}.*\n.*{path}"):
        archives.open_archive(path)


@pytest.mark.parametrize("ending", [".zip", ".tgz"])
def test_truncation_anywhere_is_an_error(tmp_path, ending):
    path = tmp_path / f"set{ending}"
    noise = {
        f"set/{i}": bytes((i * j * 7) % 251 for j in range(3000)) for i in range(9)
    }
    (_write_zip if ending == ".zip" else _write_tar)(path, noise)
    whole = path.read_bytes()
    for part in range(0, len(whole) - 20, 97):
        path.write_bytes(whole[:part])
        with pytest.raises(DataError, match="truncated"):
            with archives.open_archive(path) as archive:
                for name in archive.names:
                    archive.read(name)
                assert set(archive.names) == set(noise), "a silent truncation"


def test_damaged_member_is_an_error(tmp_path):
    path = tmp_path / "set.zip"
    _write_zip(path, {"set/1": bytes(range(256)) * 20})
    with zipfile.ZipFile(path) as file:
        start = file.getinfo("set/1").header_offset + 30 + len("set/1")
    content = bytearray(path.read_bytes())
    content[start + 100] ^= 0xFF  # inside the compressed member
    path.write_bytes(content)
    with archives.open_archive(path) as archive, pytest.raises(DataError) as caught:
        archive.read("set/1")
    assert "set/1 cannot be read" in str(caught.value)


def test_unknown_kind_is_an_error(tmp_path):
    with pytest.raises(DataError, match="nothing"):
        archives.open_archive(tmp_path / "set.rar")


def test_a_zip_with_the_separators_of_windows_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        for name in ("set\\a\\1.txt", "set\\b\\", "set\\b\\2.txt"):
            info = zipfile.ZipInfo("x")
            info.filename = name
            file.writestr(info, b"" if name.endswith("\\") else name.encode())
    with archives.open_archive(tmp_path / "set.zip") as archive:
        assert archive.names == ["set/a/1.txt", "set/b/2.txt"]
        assert archive.read("set/b/2.txt") == rb"set\b\2.txt"
        assert archive.root({"a", "b"}) == "set/"


def _patched(path, offset_in_entries, value):
    """Overwrites a field in each entry of a zip's directory and in its headers."""
    content = bytearray(path.read_bytes())
    for mark, shift in ((b"PK\x01\x02", 2), (b"PK\x03\x04", 0)):
        place = content.find(mark)
        while place >= 0:
            start = place + offset_in_entries + shift
            content[start : start + len(value)] = value
            place = content.find(mark, place + 4)
    path.write_bytes(content)


def test_an_encrypted_zip_is_not_called_truncated(tmp_path):
    _write_zip(tmp_path / "set.zip", {"set/1": b"x" * 99})
    _patched(tmp_path / "set.zip", 6, b"\x01\x00")  # the flags
    with pytest.raises(DataError, match="set.zip is encrypted") as caught:
        archives.open_archive(tmp_path / "set.zip")
    assert "password" in caught.value.action
    assert "truncated" not in str(caught.value)


def test_a_zip_packed_in_an_unknown_way_is_not_called_truncated(tmp_path):
    _write_zip(tmp_path / "set.zip", {"set/1": b"x" * 99})
    _patched(tmp_path / "set.zip", 8, b"\x09\x00")  # the method: Deflate64
    with archives.open_archive(tmp_path / "set.zip") as archive:
        with pytest.raises(DataError, match="set/1 cannot be read") as caught:
            archive.read("set/1")
    assert "unpack it" in caught.value.action


def test_what_unpacks_to_too_much_is_refused(tmp_path):
    _write_zip(tmp_path / "set.zip", {"set/1": bytes(5_000)})
    _write_tar(tmp_path / "set.tgz", {"set/1": bytes(5_000)})
    _write_folder(tmp_path, {"set/1": bytes(5_000)})
    for name in ("set.zip", "set.tgz", "set"):
        with archives.open_archive(tmp_path / name) as archive:
            assert len(archive.read("set/1", largest=5_000)) == 5_000
            with pytest.raises(DataError, match="set/1 is too large unpacked"):
                archive.read("set/1", largest=4_999)


@pytest.mark.parametrize("name", ["set.zip", "set.tgz"])
def test_a_member_that_claims_too_much_is_refused_before_it_is_unpacked(
    tmp_path, name, monkeypatch
):
    (_write_zip if name == "set.zip" else _write_tar)(tmp_path / name, _FILES)
    monkeypatch.setattr(archives, "LARGEST_MEMBER", 2_999)
    with pytest.raises(DataError, match="set/a/1.txt is too large") as caught:
        archives.open_archive(tmp_path / name)
    assert "3,000 bytes" in caught.value.found


def test_links_in_a_circle_of_an_extracted_folder_end(tmp_path):
    root = _write_folder(tmp_path, _FILES)
    for i in range(9):
        (root / "a" / f"l{i}").symlink_to("../b")
        (root / "b" / f"l{i}").symlink_to("../a")
    with archives.open_archive(root) as archive:
        assert set(archive.names) == set(_FILES)


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path, monkeypatch):
    root = _write_folder(tmp_path, _FILES)
    scandir, refused = os.scandir, {}

    def refuse(path):
        if pathlib.Path(path) == refused["folder"]:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    for folder, told in ((root, "set"), (root / "b", "b")):
        refused["folder"] = folder
        with pytest.raises(DataError, match="cannot be listed") as caught:
            archives.open_archive(root)
        assert caught.value.found == f"OSError: {told}: Permission denied"


@pytest.mark.parametrize("ending", [".zip", ".tgz", ".tar", ".tar.xz"])
@pytest.mark.parametrize("kind", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_is_read_as_what_it_is_under_any_name(tmp_path, kind, ending):
    path = tmp_path / f"a{ending}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as made:
            made.writestr("a/1.txt", b"one")
    else:
        with tarfile.open(path, kind) as made:
            member = tarfile.TarInfo("a/1.txt")
            member.size = 3
            made.addfile(member, io.BytesIO(b"one"))
    with archives.open_archive(path) as archive:
        assert archive.names == ["a/1.txt"] and archive.read("a/1.txt") == b"one"


@pytest.mark.parametrize("ending", [".zip", ".tgz", ".tar"])
@pytest.mark.parametrize(
    ("content", "found", "action"),
    [
        (b"7z\xbc\xaf\x27\x1c" + bytes(99), "a 7-Zip archive", "unpack it with"),
        (b"Rar!\x1a\x07\x01\0" + bytes(99), "a RAR archive", "unpack it with"),
        (b"\n<!DOCTYPE html><html>Log in", "a web page", "download it again"),
        (b"<html>404</html>", "a web page", "download it again"),
        (b"", "an empty file", "download it again"),
    ],
)
def test_what_is_no_archive_is_told_by_its_kind(
    tmp_path, ending, content, found, action
):
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        archives.open_archive(path)
    assert caught.value.found == found and action in caught.value.action
    assert caught.value.path == str(path)


def test_a_fault_of_a_tar_file_is_one_line(tmp_path):
    path = tmp_path / "a.tgz"
    path.write_bytes(b"\x1f\x8b damaged")
    with pytest.raises(DataError) as caught:
        archives.open_archive(path)
    assert "\n" not in caught.value.found
