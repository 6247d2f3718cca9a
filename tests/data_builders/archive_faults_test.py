"""What is told where an archive cannot be read."""

import errno
import os
import tempfile
import zipfile

import pytest

from data_builders import archive_faults


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_asks_for_room_and_not_for_the_archive_again(tmp_path, number):
    error = OSError(number, os.strerror(number))
    told = archive_faults.as_told(tmp_path / "a.zip", "b.mat cannot be read", error)
    folder = tempfile.gettempdir()
    assert told.path == str(tmp_path / "a.zip")
    assert told.found == f"{os.strerror(number)} in {folder}"
    assert f"make room in {folder}, or set TMPDIR" in told.action
    assert "damaged" not in str(told) and "download" not in str(told)


def test_another_fault_of_the_system_is_the_archives(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK")
    error = OSError(errno.EIO, os.strerror(errno.EIO))
    told = archive_faults.as_told(tmp_path / "a.zip", "it cannot be read", error)
    assert told.action == "the file is truncated or damaged; copy or download it again"


def test_what_may_not_be_read_and_what_is_packed_otherwise(tmp_path):
    def action(error):
        return archive_faults.as_told(tmp_path / "a.zip", "", error).action

    assert action(PermissionError(errno.EACCES, "")) == "make it readable for you"
    assert action(NotImplementedError("method 9")).startswith("it is packed in a way")
    assert "damaged" in action(zipfile.BadZipFile("no zip file"))
