"""What an archive of image folders holds, read without TFDS."""

import dataclasses
import io
import zipfile

import PIL.Image
import pytest

from data_builders import archives, dummy_images, readers, registry
from dimn_tf import images
from dimn_tf.errors import DataError

_FACTS = dataclasses.replace(registry.facts("viper"), by_files=("notes.txt",))
_FOLDERS = [
    readers.ImageFolder(
        split, folder, r"(\d)_(\d)", lambda found: (int(found[1]), int(found[2]))
    )
    for split, folder in (("train", "a/one"), ("train", "a/two"), ("test", "b"))
]


def _turned() -> bytes:
    """A JPEG whose header tells to turn it before it is shown."""
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (8, 16), (250, 0, 0)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def _read(path, files):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    archive = archives.open_archive(path)
    return readers.FolderReader(archive, _FACTS, _FOLDERS)


def _files(*names):
    return {name: dummy_images.encoded(name) for name in names}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "set.zip"


def test_images_of_each_split_in_the_order_of_the_archive(path):
    files = {
        "read me": b"first of all",
        **_files("x/set/b/3_1.png", "x/set/a/two/2_5.jpg"),
        "x/set/a/two/notes.txt": b"passed over",
        "x/set/c/no image": b"in no folder of ours",
        **_files("x/set/a/one/1_4.JPG", "x/set/a/one/0_0.bmp", "x/set/b/1_2.jpeg"),
    }
    reader = _read(path, files)
    assert reader.root == "x/set/"
    entry = readers.ImageEntry
    assert reader.entries == {
        "train": [
            entry("a/one/1_4.JPG", 1, 4),
            entry("a/one/0_0.bmp", 0, 0),
            entry("a/two/2_5.jpg", 2, 5),
        ],
        "test": [entry("b/3_1.png", 3, 1), entry("b/1_2.jpeg", 1, 2)],
    }
    assert (reader.missing, reader.metadata) == ([], {})
    assert reader.persons("train") == {0, 1, 2} and reader.persons("other") == set()
    found = list(reader.images("test"))
    assert found == [
        (listed, files[f"x/set/{listed.file_name}"])
        for listed in reader.entries["test"]
    ]


def test_folders_that_are_not_there_are_missing_parts(path):
    reader = _read(path, _files("a/two/2_5.jpg"))
    assert set(reader.entries) == {"train"}
    assert reader.missing == [
        readers.MissingPart("folder a/one/", "train"),
        readers.MissingPart("folder b/", "test"),
    ]


@pytest.mark.parametrize("name", ["1_4.gif", "11_4.png", "1_4.png.txt", "x/1_4.png"])
def test_a_name_that_does_not_fit_is_an_error(path, name):
    with pytest.raises(DataError, match="a name in b/ does not fit") as caught:
        _read(path, _files("a/one/1_4.png") | {f"b/{name}": b""})
    assert caught.value.found == f"b/{name}" and caught.value.path == str(path)
    assert r"(\d)_(\d)" in caught.value.expected


def test_crops_are_kept_as_they_are_whatever_their_header_tells(path):
    (found,) = _read(path, {"b/1_1.jpg": _turned()}).images("test")
    assert found[1] == _turned()


def test_a_file_that_no_image_has_the_size_of_is_an_error(path, monkeypatch):
    content = dummy_images.encoded("b/1_1.png")
    reader = _read(path, {"b/1_1.png": content})
    monkeypatch.setattr(images, "LARGEST_BYTES", len(content))
    assert len(list(reader.images("test"))) == 1
    monkeypatch.setattr(images, "LARGEST_BYTES", len(content) - 1)
    with pytest.raises(DataError, match="b/1_1.png is too large unpacked"):
        list(reader.images("test"))


def test_an_image_that_is_none_is_named(path):
    reader = _read(path, {"x/b/1_1.png": b"text"})
    with pytest.raises(DataError, match=r"b/1_1\.png") as caught:
        list(reader.images("test"))
    assert caught.value.path == str(path)
