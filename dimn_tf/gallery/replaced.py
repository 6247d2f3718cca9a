"""Files that are replaced while they are open: what is written would be in none."""

from __future__ import annotations

import os
import pathlib

from dimn_tf import errors


class Replaced(errors.UserError):
    """Of a path at which another file lies than the one that was opened."""


class FileAt:
    """Which file lies at a path, so that another one is noticed.

    A number is no other file's while somebody has the file open. (A file that is
    written over in place stays the same one: nobody can tell that from here.)

    Args:
        path: The file's.

    Raises:
        OSError: there is none, or it may not be looked at.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._identity = self._now()
        self._log: tuple | None = None

    def _now(self) -> tuple[int, int]:
        found = os.stat(self._path)
        return found.st_dev, found.st_ino

    def is_same(self) -> bool:
        """Whether it is still that file.

        Raises:
            OSError: there is none, or it may not be looked at.
        """
        return self._now() == self._identity

    def check(self) -> None:
        """Raises where it is not.

        Raises:
            Replaced: another file lies there.
            OSError: there is none, or it may not be looked at.
        """
        if not self.is_same():
            raise Replaced(
                f"{self._path}: it was replaced while it was open, as by a backup that "
                "was put back. This process has the file that was there before, and "
                "neither sees nor changes this one: end it, and start it again"
            )

    def note_log(self, log: pathlib.Path) -> None:
        """Notes the log that the file's own changes have just gone to."""
        self._log = _stamp(log)

    def is_own(self, log: pathlib.Path) -> bool:
        """Whether a log is that one, to which nobody has written since."""
        return self._log is not None and self._log == _stamp(log)


def _stamp(path: pathlib.Path) -> tuple | None:
    """What changes when a file is written to; None: it cannot be looked at."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
