"""Tests of reading a user's CSV, whatever program wrote it."""

import pytest

from data_builders.reid_folder import csv_list
from dimn_tf.errors import DataError


@pytest.fixture
def write(tmp_path):
    """Writes a CSV beside two images; gives its path."""
    (tmp_path / "a").mkdir()
    for name in ("a/1.png", "a/2, 3.png"):
        (tmp_path / name).touch()

    def write(content):
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "list.csv").write_bytes(raw)
        return tmp_path / "list.csv"

    return write


_TEXT = 'path,person_id,camera_id\na/1.png,ann,x\n"a/2, 3.png",bö,y\n'


@pytest.mark.parametrize(
    "content",
    [
        _TEXT,
        _TEXT.encode("utf-8-sig"),
        _TEXT.encode("utf-16"),
        b"\xfe\xff" + _TEXT.encode("utf-16-be"),
        _TEXT.replace("\n", "\r\n"),
        _TEXT.replace("\n", "\r"),
        _TEXT.rstrip(),
        "\n\n" + _TEXT.replace("\n", "\n\n"),
        _TEXT.replace(",camera_id", " , Camera_ID ").replace("path", "Path"),
        'path;person_id;camera_id\na/1.png;ann;x\n"a/2, 3.png";bö;y\n',
        "path\tperson_id\tcamera_id\na/1.png\tann\tx\na/2, 3.png\tbö\ty\n",
        _TEXT.replace("a/1", "a\\1").replace("a/2", ".\\a\\2"),
        _TEXT + ",,\n",
    ],
)
def test_what_programs_write_is_read(write, content):
    listed = csv_list.read(write(content))
    assert (listed.faults, listed.missing) == ([], [])
    assert [(x.file_name, x.person, x.camera) for x in listed.images] == [
        ("a/1.png", "ann", "x"),
        ("a/2, 3.png", "bö", "y"),
    ]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (_TEXT.encode("latin-1"), "line 3 holds the byte 0xf6"),
        ("path,person_id\na,b\n".encode("utf-16-le"), r"p\x00a\x00t\x00h"),  # No mark.
        (b"\xff\xfe" + b"a\0b", "no UTF-16"),
        (_TEXT + '"open\n', "line 4: unexpected end of data"),
        (_TEXT + f"{'x' * 200_000},1,1\n", "field larger than field limit"),
        (_TEXT + '"a"b,1,1\n', "line 4"),
        ("path,person_id,path\na,b,c\n", "path,person_id,path"),
        ("", "an empty file"),
        ("\n \n", "an empty file"),
        (b"PK\x03\x04" + bytes(99), "PK"),
        ("a/1.png,ann,x\n", "a/1.png,ann,x"),
    ],
)
def test_what_is_no_such_list_is_one_clear_error(write, content, found):
    with pytest.raises(DataError, match="is no CSV file|has another header") as caught:
        csv_list.read(write(content))
    assert found.casefold() in caught.value.found.casefold()
    assert caught.value.action and caught.value.expected


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("", "empty path"),
        ("x" * 300 + ".png", "File name too long"),
        ("a/" + "y/" * 3000 + "1.png", "File name too long"),
        ("a/1.png\0", "NUL"),
        ("../1.png", "outside"),
        ("..\\1.png", "outside"),
        ("/etc/hostname", "outside"),
        ("./a/../a/1.png", "listed on line 2 already"),
    ],
)
def test_a_path_that_cannot_be_used_is_a_fault_of_its_line(write, path, fault):
    listed = csv_list.read(write(f"path,person_id\na/1.png,1\n{path},2\n"))
    ((place, reason),) = listed.faults
    assert place == "line 3" and fault in reason and len(reason) < 150
    assert [image.file_name for image in listed.images] == ["a/1.png"]


def test_a_path_that_the_system_refuses_is_told_in_its_words(write, monkeypatch):
    path = write(f"path,person_id\n{'x' * 300}.png,2\na/{'y' * 78},2\n")
    errors = iter([OSError(36, "File name too long"), OSError("no number")])

    def refuse(self):
        raise next(errors)

    monkeypatch.setattr("pathlib.Path.is_file", refuse)
    assert csv_list.read(path).faults == [
        ("line 2", f"{'x' * 80}...: File name too long"),
        ("line 3", f"a/{'y' * 78}: no number"),
    ]


def test_a_long_path_with_the_separators_of_windows_is_found(write):
    path = write("path,person_id\n" + "\\".join(["y" * 100] * 3 + ["1.png"]) + ",1\n")
    folder = path.parent.joinpath(*["y" * 100] * 3)
    folder.mkdir(parents=True)
    (folder / "1.png").touch()
    listed = csv_list.read(path)
    assert (listed.faults, listed.missing) == ([], [])
    assert listed.images[0].file_name == "/".join(["y" * 100] * 3 + ["1.png"])


def test_a_list_may_have_so_many_bytes(write, monkeypatch):
    path = write(_TEXT)
    monkeypatch.setattr(csv_list, "_LARGEST_BYTES", len(path.read_bytes()))
    assert len(csv_list.read(path).images) == 2
    monkeypatch.setattr(csv_list, "_LARGEST_BYTES", len(path.read_bytes()) - 1)
    with pytest.raises(DataError, match="is no CSV file") as caught:
        csv_list.read(path)
    assert caught.value.found == f"more than {len(path.read_bytes()) - 1:,} bytes"


def test_a_file_that_is_not_there_is_told_apart(write):
    listed = csv_list.read(write("path,person_id\na/1.png,1\na/9.png,2\na,3\n"))
    assert listed.faults == []
    assert listed.missing == [
        ("line 3", "a/9.png: no such file"),
        ("line 4", "a: no such file"),
    ]


def test_a_list_that_may_not_be_read_is_told(write, monkeypatch):
    path = write(_TEXT)

    def refuse(self, *given):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(DataError, match="is no CSV file") as caught:
        csv_list.read(path)
    assert (caught.value.path, caught.value.found) == (str(path), "Permission denied")


def test_the_header_alone_tells_what_parts_the_cells(write):
    (image,) = csv_list.read(write("path;person_id\na/1.png;a, b, c, d\n")).images
    assert (image.file_name, image.person) == ("a/1.png", "a, b, c, d")
