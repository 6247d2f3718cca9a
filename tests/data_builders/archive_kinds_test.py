"""The kind of an archive by its first bytes."""

import io
import tarfile
import zipfile

import pytest

from data_builders import archive_kinds


def test_a_name_decides_where_the_bytes_do_not(tmp_path):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("a", b"b")
    for content in (b"#!/bin/sh\n" + made.getvalue(), b"damaged", b""):
        for name, expected in (("a.ZIP", True), ("a.tgz", False)):
            (tmp_path / name).write_bytes(content)
            assert archive_kinds.is_zip(tmp_path / name) is expected


def test_a_tar_file_that_holds_a_zip_file_is_none(tmp_path):
    path = tmp_path / "a.zip"
    with tarfile.open(path, "w") as file:
        file.addfile(tarfile.TarInfo("PK\x03\x04.zip"))
    # Its first bytes are both; the name decides.
    assert archive_kinds.is_zip(path)
    assert not archive_kinds.is_zip(path.rename(tmp_path / "a.tar"))


@pytest.mark.parametrize("name", ["absent.zip", "."])
def test_what_cannot_be_read_is_of_no_other_kind(tmp_path, name):
    assert archive_kinds.other_kind(tmp_path / name) == ""
