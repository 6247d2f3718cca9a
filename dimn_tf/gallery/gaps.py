"""Copies of what was removed, which SQLite leaves between the entries of its pages."""

from __future__ import annotations

import time

from absl import logging

from dimn_tf import errors
from dimn_tf.gallery import sqlite_files

AT_ONCE = 16 * 2**20
"""Bytes up to which a file is written anew with a removal; ours: half a second."""
PAUSE = 20.0
"""Times of what a rewriting took that pass before a removal brings the next; ours."""


class Gaps:
    """Rids a file of copies that removals left in gaps.

    `secure_delete` overwrites an entry where it stands. When SQLite moves entries from
    one page to others, it may leave copies in what the page uses no more, and these
    stay when the entries themselves are removed. They are gone once the file has been
    written anew (SQLite's VACUUM), which takes time by the file's size. That this is
    still to be done is noted within the file, by the removal itself, so that a process
    that is killed leaves it to the next.

    Args:
        file: The file.
    """

    def __init__(self, file: sqlite_files.SqliteFile):
        self._file = file
        self._next = 0.0

    def clear_small(self, at_once: bool = False) -> bool:
        """Writes a small file anew where that is due, unless it was but now.

        Args:
            at_once: Even if it was.

        Returns:
            Whether nothing is left to do. What fails (the disk is full, another
            process writes) is told in a line and left to the next time: the removal
            itself is done.
        """
        if not self._file.writable or not self._file.erasures():
            return True
        early = not at_once and time.monotonic() < self._next
        if early or self._file.path.stat().st_size > AT_ONCE:
            return False
        start = time.monotonic()
        try:
            self._file.rewrite(in_memory=True)
        except errors.UserError as error:
            logging.warning("Copies of what was removed may be left: %s", error)
            return False
        finally:
            end = time.monotonic()
            self._next = end + PAUSE * (end - start)
        return True

    def clear(self) -> bool:
        """Writes a file anew where that is due, whatever its size.

        Returns:
            Whether it was due.

        Raises:
            errors.UserError: the disk is full, or another process writes.
        """
        if not self._file.writable or not self._file.erasures():
            return False
        size = self._file.path.stat().st_size
        if size > AT_ONCE:
            logging.info(
                "%s: writing %.1f GB anew, so that no gap holds what was removed",
                self._file.path,
                size / 1e9,
            )
        start = time.monotonic()
        self._file.rewrite(in_memory=size <= AT_ONCE)
        if size > AT_ONCE:
            logging.info(
                "%s: written anew in %.0f s", self._file.path, time.monotonic() - start
            )
        return True
