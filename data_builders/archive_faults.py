"""What is told where an archive cannot be read."""

import contextlib
import errno
import gzip
import lzma
import pathlib
import tarfile
import tempfile
import zipfile
import zlib

from data_builders import archive_kinds
from dimn_tf.errors import DataError

READ_FAULTS = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # zipfile: unknown compression method
    OSError,
)
"""What reading an archive raises; nothing else is its fault."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def as_told(path: pathlib.Path, problem: str, error: Exception) -> DataError:
    """The one error that tells a fault.

    Args:
        path: the archive.
        problem: what cannot be done with it.
        error: one of `READ_FAULTS`.
    """
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return _no_room(path, problem, error)
    return DataError(
        f"{path.name}: {problem}",
        path=path,
        found=_found(path, error),
        expected="a whole, readable archive",
        action=_action(path, error),
    )


def _no_room(path: pathlib.Path, problem: str, error: OSError) -> DataError:
    """Files that readers seek in are unpacked; the archive itself may be whole."""
    folder = tempfile.gettempdir()
    return DataError(
        f"{path.name}: {problem}: there is no room to unpack it",
        path=path,
        found=f"{error.strerror or error} in {folder}",
        expected="room there for the file unpacked",
        action=f"make room in {folder}, or set TMPDIR to a folder with room; the "
        "archive need not be fetched again",
    )


def _found(path: pathlib.Path, error: Exception) -> str:
    if kind := archive_kinds.other_kind(path):
        return kind
    with contextlib.suppress(OSError):
        if path.is_file() and not path.stat().st_size:
            return "an empty file"
    return " ".join(f"{type(error).__name__}: {error}".split())


def _action(path: pathlib.Path, error: Exception) -> str:
    """What the user can do about an archive that cannot be read."""
    kind = archive_kinds.other_kind(path)
    if kind == archive_kinds.WEB_PAGE:
        return "the server gave a page instead (a login, say): download it again"
    if kind:
        return "unpack it with a program for it, and put the folder there in its place"
    if isinstance(error, NotImplementedError):
        return (
            "it is packed in a way that Python does not read: unpack it with the "
            "program that packed it, and put the folder there in its place"
        )
    if isinstance(error, PermissionError):
        return "make it readable for you"
    return "the file is truncated or damaged; copy or download it again"
