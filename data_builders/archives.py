"""One way into archive files and into the folders that extracting them leaves."""

import abc
import contextlib
import os
import pathlib
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Collection, Iterator
from typing import BinaryIO

from data_builders import archive_faults, archive_kinds, folders
from dimn_tf.errors import DataError

_ENCRYPTED = 0x1  # bit of a zip member's flags
_TAR_ENDINGS = (".tgz", ".tar.gz", ".tar", ".tar.xz", ".tar.bz2")
LARGEST_MEMBER = 16 << 30
"""Largest file that an archive may hold: CUHK03's `.mat`, ten times over."""
LARGEST_IN_MEMORY = 512 << 20
"""Largest file of an archive that is read into memory: annotations, never images."""


class Archive(abc.ABC):
    """Files of one archive, read by name.

    Attributes:
        path: the archive file or the extracted folder.
        names: its files, "/" separated, in the order in which reading is cheapest
            (storage order; sorted for folders); files of the operating system are
            left out. A folder's own name leads, as in the archive it came from.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        with self._faults("cannot be listed"):
            self.names = [n for n in self._list() if not folders.is_system_file(n)]

    @abc.abstractmethod
    def _list(self) -> list[str]:
        """Names of all files; runs before anything else."""

    @abc.abstractmethod
    def _open(self, name: str) -> BinaryIO:
        """A binary file object of one file."""

    def close(self) -> None:  # noqa: B027 (a folder has nothing to give back)
        """Gives the archive file back."""

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """One file, to be read from its beginning; faults become a DataError."""
        with self._faults(f"{name} cannot be read"), self._open(name) as file:
            yield file

    def read(self, name: str, largest: int = LARGEST_IN_MEMORY) -> bytes:
        """Content of one file.

        Args:
            name: one of `names`.
            largest: bytes that it may have unpacked, whatever the archive claims.

        Raises:
            DataError: it cannot be read whole, or is larger.
        """
        with self.open(name) as file:
            content = file.read(largest + 1)
        if len(content) > largest:
            raise self._too_large(name, f"more than {largest:,} bytes", largest)
        return content

    def _too_large(self, name: str, found: str, largest: int) -> DataError:
        return DataError(
            f"{self.path.name}: {name} is too large unpacked",
            path=self.path,
            found=found,
            expected=f"at most {largest:,} bytes",
            action="put the original archive there: no data set holds such a file",
        )

    @contextlib.contextmanager
    def local_file(self, name: str) -> Iterator[pathlib.Path]:
        """A real file with this content, for readers that seek (HDF5)."""
        with tempfile.TemporaryDirectory(prefix="reid_archive_") as folder:
            target = pathlib.Path(folder) / name.rpartition("/")[2]
            with self.open(name) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            yield target

    def root(self, folders: Collection[str]) -> str:
        """The folder inside the archive that holds the named folders.

        Users' archives differ in what leads to the data (`Dataset/P1`, `P1`,
        `cuhk02/Dataset/P1`).

        Users' own work may lie in it too, as the copies of `query/` in `pytorch/` that
        scripts make: where one folder alone holds more than half of the named ones, it
        is the data set.

        Args:
            folders: names of folders (or files) of the data set, of which at least
                one must be there.

        Returns:
            The leading path, "" or ending in "/".

        Raises:
            DataError: none of the folders is there, or they are there twice.
        """
        roots: dict[str, set[str]] = {}
        for name in self.names:
            parts = name.split("/")
            for depth, part in enumerate(parts):
                if part in folders:
                    root = "".join(f"{p}/" for p in parts[:depth])
                    roots.setdefault(root, set()).add(part)
                    break
        wanted = " or ".join(sorted(f"{folder}" for folder in folders))
        if not roots:
            tops = sorted({"/".join(n.split("/")[:2]) for n in self.names})
            raise DataError(
                f"{self.path.name} holds none of the data set's folders",
                path=self.path,
                found=", ".join(tops[:5]) + (", ..." if tops[5:] else "") or "no file",
                expected=wanted,
                action="put the original archive there, under its original name",
            )
        if len(roots) > 1:
            most = [
                root for root, held in roots.items() if 2 * len(held) > len(folders)
            ]
            if len(most) == 1:
                return most[0]
            raise DataError(
                f"{self.path.name} holds the data set more than once",
                path=self.path,
                found=" and ".join(repr(root or "./") for root in sorted(roots)),
                expected=f"one folder that holds {wanted}",
                action="remove all copies but one",
            )
        return next(iter(roots))

    @contextlib.contextmanager
    def _faults(self, problem: str) -> Iterator[None]:
        try:
            yield
        except DataError:
            raise
        except archive_faults.READ_FAULTS as error:
            raise archive_faults.as_told(self.path, problem, error) from error


class ZipArchive(Archive):
    """A .zip file."""

    def _list(self):
        self._zip = zipfile.ZipFile(self.path)
        self._members: dict[str, zipfile.ZipInfo] = {}
        for info in sorted(self._zip.infolist(), key=lambda info: info.header_offset):
            # Some programs of Windows pack their own separator.
            name = info.filename.replace("\\", "/").removeprefix("./")
            if name.endswith("/"):
                continue
            if info.flag_bits & _ENCRYPTED:
                raise DataError(
                    f"{self.path.name} is encrypted",
                    path=self.path,
                    found=f"a password on {name}",
                    expected="an archive without one",
                    action="unpack it with its password, which its authors give, and "
                    "put the folder there in its place",
                )
            if info.file_size > LARGEST_MEMBER:
                raise self._too_large(name, f"{info.file_size:,} bytes", LARGEST_MEMBER)
            self._members[name] = info
        return list(self._members)

    def _open(self, name):
        return self._zip.open(self._members[name])

    def close(self):
        """See base class."""
        self._zip.close()


class TarArchive(Archive):
    """A .tar file, compressed or not; cheap only when read in storage order."""

    def _list(self):
        self._tar = tarfile.open(self.path)
        self._members: dict[str, tarfile.TarInfo] = {}
        for member in self._tar:
            name = member.name.replace("\\", "/").removeprefix("./")
            if member.size > LARGEST_MEMBER:  # Told before it is unpacked to skip it.
                raise self._too_large(name, f"{member.size:,} bytes", LARGEST_MEMBER)
            if member.isfile():
                self._members[name] = member
        return list(self._members)

    def _open(self, name):
        return self._tar.extractfile(self._members[name])

    def close(self):
        """See base class."""
        self._tar.close()


class FolderArchive(Archive):
    """An extracted archive."""

    def __init__(self, path: pathlib.Path):
        # `.` and `..` are no names: members would be `/a.jpg`, and read from the root.
        path = path.resolve() if path.name in ("", "..") else path.absolute()
        super().__init__(path)

    def _list(self):
        found = folders.files_below(self.path)
        if found.unreadable:
            name, reason = found.unreadable[0]
            raise OSError(f"{name or self.path.name}: {reason}")
        return [f"{self.path.name}/{name}" for name in found.names]

    def _open(self, name):
        return (self.path.parent / name).open("rb")

    @contextlib.contextmanager
    def local_file(self, name):
        """The file itself."""
        yield self.path.parent / name


def open_archive(path: str | os.PathLike) -> Archive:
    """Opens an archive file (.zip, .tar, .tgz, ...) or an extracted folder.

    A file is read as what its first bytes say that it is, under any of these names.

    Raises:
        DataError: it is truncated, damaged or of another kind.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        return FolderArchive(path)
    if path.name.lower().endswith((".zip", *_TAR_ENDINGS)):
        is_zip = archive_kinds.is_zip(path)
        return ZipArchive(path) if is_zip else TarArchive(path)
    raise DataError(
        f"{path.name} is not an archive",
        path=path,
        found="a file" if path.exists() else "nothing",
        expected=f"a folder, .zip, {', '.join(_TAR_ENDINGS)}",
        action="put the original archive there, under its original name",
    )
