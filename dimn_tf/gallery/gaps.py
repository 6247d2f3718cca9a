"""Copies of what was removed, which SQLite leaves between the entries of its pages."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from absl import logging

from dimn_tf import errors, progress
from dimn_tf.gallery import sqlite_files

AT_ONCE = 64 * 2**20
"""Bytes up to which a file is written anew with a removal; ours: some 0.4 seconds (0.55
GB took 3.4, `experiments.benchmarks.gallery`)."""
PAUSE = 20.0
"""Times of what a rewriting took that pass before a removal brings the next; ours."""
_AFTER_FAILURE = 60.0  # Seconds.
_LOOK_SECONDS = 1.0
_MB = 10**6


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

    def clear_small(self, at_once: bool = False) -> None:
        """Writes a small file anew where that is due, unless it was but now.

        What fails (the disk is full, another process writes) is told in a line and left
        to the next time: the removal itself is done.

        Args:
            at_once: Even if it was.
        """
        start = time.monotonic()
        if not at_once and start < self._next:
            return
        if not self._file.writable:
            return
        try:
            if self._is_due() and self._size() <= AT_ONCE:
                self._file.rewrite(in_memory=True)
                end = time.monotonic()
                self._next = end + PAUSE * (end - start)
        except (errors.UserError, OSError) as error:
            self._next = start + _AFTER_FAILURE
            logging.warning("Copies of what was removed may be left: %s", error)

    def clear(self, at_most: int | None = None) -> bool:
        """Writes a file anew where that is due.

        Args:
            at_most: Bytes of a file for which it is; None: of any size.

        Returns:
            Whether nothing is left to do.

        Raises:
            errors.UserError: the disk is full, the file cannot be written to, or
                another process writes.
        """
        if not self._is_due():
            return True
        size = self._size()
        if at_most is not None and size > at_most:
            return False
        if size <= AT_ONCE:
            return self._file.rewrite(in_memory=True)
        with _shown(self._file, size):
            return self._file.rewrite(in_memory=False)

    def _is_due(self) -> bool:
        return bool(self._file.erasures())

    def _size(self) -> int:
        return self._file.path.stat().st_size


@contextlib.contextmanager
def _shown(file: sqlite_files.SqliteFile, size: int) -> Iterator[None]:
    """Shows how much of a file is written anew: what its log holds of it."""
    bar = progress.bar(
        label=f"{file.path}: writing anew",
        total=size // _MB,
        unit="MB",
        on_stderr=True,
    )
    ended = threading.Event()

    def watch():
        while not ended.wait(_LOOK_SECONDS):
            with contextlib.suppress(OSError):  # The log comes and goes.
                written = file.log.stat().st_size // _MB
                bar.update(max(0, min(written, bar.total) - bar.n))

    watching = threading.Thread(target=watch, daemon=True)
    with bar:
        watching.start()
        try:
            yield
            bar.update(bar.total - bar.n)
        finally:
            ended.set()
            watching.join()
