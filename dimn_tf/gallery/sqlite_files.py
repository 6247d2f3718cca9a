"""SQLite files that say what is wrong: full, read-only, damaged, held by another."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from absl import logging

from dimn_tf import errors
from dimn_tf.gallery import replaced, sqlite_connections, sqlite_faults

# Within a change that erases something: counts it.
_NOTE = (
    "CREATE TABLE IF NOT EXISTS erasures "
    "(count INTEGER NOT NULL, cleared INTEGER NOT NULL)",
    "INSERT INTO erasures SELECT 0, 0 WHERE NOT EXISTS (SELECT * FROM erasures)",
    "UPDATE erasures SET count = count + 1",
)
_UNWRITABLE = ("SQLITE_READONLY", "SQLITE_CANTOPEN")
_OPENINGS = 100  # Of a file that is replaced all the time, before that is told; ours.
_T = TypeVar("_T")


class SqliteFile:
    """A file that is there: one writer's transactions, many readers' snapshots.

    A file that cannot be written to, or whose folder cannot, is read as it is; where it
    was changed by another machine in between, it is opened anew. One that is written to
    and was replaced meanwhile (a backup was put back) is refused from then on: SQLite
    would write on to the one that nobody finds any more.

    Args:
        path: The file.

    Raises:
        errors.UserError: it is no SQLite file, is damaged or cannot be read.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        self._uncut = False  # Whether the log holds what is to be gone.
        self._connection: sqlite3.Connection
        self._unchanging: tuple | None  # Stamp of a file read as it is.
        self._file_at: replaced.FileAt  # Of one that is written to.
        self._open()

    def _open(self) -> None:
        """Opens it; a refusal leaves all as it was, so that it can be tried again."""
        stamp = None
        try:
            connection = self._opened_to_write()
        except errors.UserError as error:
            if not sqlite_faults.code(error.__cause__).startswith(_UNWRITABLE):
                raise
            stamp, connection = self._opened_unchanging()
        self._connection, self._unchanging = connection, stamp

    def _opened_to_write(self) -> sqlite3.Connection:
        """A connection to the file that lies there, of which `_file_at` tells."""
        for _ in range(_OPENINGS):
            self._file_at = self._looked_at(replaced.FileAt, self.path)
            connection = sqlite_connections.opened(self.path, "mode=rw")
            # Another may have come in between; some file systems give it its number
            # with the first opening. Where there is none any more, the next turn tells.
            with contextlib.suppress(OSError):
                if self._file_at.is_same():
                    return connection
            connection.close()
        raise replaced.Replaced(
            f"{self.path}: another file lay there after each of {_OPENINGS} openings. "
            "End what replaces it; a file system that gives a file another number at "
            "each look holds no gallery"
        )

    def _looked_at(self, look: Callable[..., _T], *given) -> _T:
        """What a look at the file gives.

        Raises:
            errors.UserError: there is none (any more), or it may not be looked at.
        """
        try:
            return look(*given)
        except OSError as error:
            raise self._unreachable(error) from error

    def _opened_unchanging(self) -> tuple[tuple, sqlite3.Connection]:
        """The stamp of, and a connection to, a file beside which no log can be put."""
        if self._log_size():
            raise errors.UserError(
                f"{self.log}: holds changes that were not yet taken into "
                f"{self.path.name}, and the folder cannot be written to. Open the "
                "gallery once where it can (python -m experiments.search ...), or copy "
                "the folder to such a place"
            )
        stamp = self._stamp()
        return stamp, sqlite_connections.opened(self.path, "mode=ro&immutable=1")

    def _stamp(self) -> tuple:
        """What changes with the file; it may be another one at any moment.

        Raises:
            errors.UserError: there is none, or it may not be looked at.
        """
        found = self._looked_at(os.stat, self.path)
        return found.st_ino, found.st_size, found.st_mtime_ns, self._log_size()

    def _log_size(self) -> int:
        """Bytes of the log; 0 where there is none (any more).

        Raises:
            errors.UserError: it may not be looked at.
        """
        try:
            return os.stat(self.log).st_size
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: OSError) -> errors.UserError:
        """What is told of a file that was there."""
        return errors.UserError(
            f"{self.path}: it cannot be reached ({error.strerror}). Put it back, or "
            "give yourself the right to read it and its folder"
        )

    @property
    def writable(self) -> bool:
        """Whether it was opened for changes too."""
        return self._unchanging is None

    @property
    def log(self) -> pathlib.Path:
        """SQLite's write-ahead log, which is there while the file is in use."""
        return self.path.with_name(self.path.name + "-wal")

    def close(self) -> None:
        """Gives the file back."""
        if self.writable:
            with contextlib.suppress(OSError, sqlite3.Error):
                # Else it would be taken for the log of the file that came to its place.
                if not self._file_at.is_same() and self._file_at.is_own(self.log):
                    self._cut_log()
        with sqlite_faults.told(self.path):
            self._connection.close()

    def read(self, query: str, values: Sequence = ()) -> list[tuple]:
        """The rows that a query finds.

        Raises:
            errors.UserError: the file is damaged, or the disk fails, or it was
                replaced.
        """
        with sqlite_faults.told(self.path):
            self._freshen()
            return self._connection.execute(query, values).fetchall()

    def _freshen(self) -> None:
        """Opens a file anew that is read as it is and was changed by somebody else.

        Raises:
            replaced.Replaced: one that is written to was replaced.
            errors.UserError: there is none any more, or it cannot be opened.
        """
        if self._connection.in_transaction:
            return
        if self._unchanging is None:
            self._looked_at(self._file_at.check)
        elif self._unchanging != self._stamp():
            before = self._connection
            self._open()
            before.close()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """All reads inside see one state, whatever a writer does meanwhile."""
        self._freshen()
        stamp = self._unchanging
        self.read("BEGIN")
        try:
            yield
        except errors.UserError as error:
            self._refuse_changed(stamp, error)
            raise
        finally:
            self._roll_back()  # There is nothing to commit.
        self._refuse_changed(stamp)

    def _refuse_changed(self, stamp: tuple | None, cause=None) -> None:
        """Raises where a file that is read as it is has become another meanwhile."""
        if stamp is not None and stamp != self._stamp():
            raise errors.UserError(
                f"{self.path}: it was changed by somebody who can write there while it "
                "was read. Run the command again"
            ) from cause

    @contextlib.contextmanager
    def transaction(self, erases: bool = False) -> Iterator[sqlite3.Connection]:
        """A change, all of it or nothing, for good once the block has ended well.

        Args:
            erases: Whether what goes should leave the log too (where a reader still
                needs it there, a line says so, and it goes with the next change). That
                gaps may hold copies of it is noted, see `gaps.Gaps`.

        Raises:
            errors.UserError: the disk is full or fails, the file cannot be written to
                or was replaced, or another process writes and does not end.
        """
        with sqlite_faults.told(self.path):
            self._freshen()
            # A file that was copied by SQLite's own tools may have lost its log.
            sqlite_connections.patiently(
                self.path, lambda: sqlite_connections.log_ahead(self._connection)
            )
            sqlite_connections.patiently(
                self.path, lambda: self._connection.execute("BEGIN IMMEDIATE")
            )
            try:
                yield self._connection
                if erases:
                    for statement in _NOTE:
                        self._connection.execute(statement)
                self._connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
            self._file_at.note_log(self.log)
            self._freshen()  # What went to a file that is gone is not acknowledged.
            if erases or self._uncut or self.erasures():
                self._erase_log(told=not erases)

    def cut_left_log(self) -> None:
        """Empties a log that a killed process left: it may hold what was removed.

        Nothing is done where the file cannot be written to, or others read the log.
        """
        if self._unchanging is None and self._log_size():
            with contextlib.suppress(sqlite3.Error):
                self._cut_log()

    def _cut_log(self) -> bool:
        """Takes the log into the file and empties it, unless a reader still needs it.

        Returns:
            Whether it is empty.
        """
        busy, *_ = self._connection.execute(
            "PRAGMA wal_checkpoint(TRUNCATE)"
        ).fetchone()
        return not busy

    def erase_left(self) -> None:
        """Empties the log of what an earlier change removed and could not erase.

        Raises:
            errors.UserError: the disk fails.
        """
        if self._uncut:
            with sqlite_faults.told(self.path):
                self._erase_log()

    def erasures(self) -> int:
        """Number of the last change that erased something; 0: none is left to clear."""
        if not self.read("SELECT 1 FROM sqlite_master WHERE name = 'erasures'"):
            return 0
        found = self.read("SELECT count FROM erasures WHERE count > cleared")
        return found[0][0] if found else 0

    def rewrite(self, in_memory: bool) -> bool:
        """Writes the file anew, without what lies between the entries of its pages.

        Others read on meanwhile, and wait with changes. On disk it takes the file's
        size again in SQLite's temporary folder, and once more in its log.

        Args:
            in_memory: Whether memory is taken in place of the temporary folder.

        Returns:
            Whether all is done: the log is emptied too, which no reader still needs.

        Raises:
            errors.UserError: the disk is full or fails, the file cannot be written to,
                or another process writes and does not end.
        """
        size, free = self.path.stat().st_size, shutil.disk_usage(self.path.parent).free
        if free < size:
            raise errors.UserError(
                f"{self.path}: it cannot be written anew, so that copies of what was "
                f"removed may stay in it: that takes {size / 1e9:.1f} GB, and "
                f"{free / 1e9:.1f} GB are free. Make room"
            )
        with sqlite_faults.told(self.path):
            before = self.erasures()
            place = "MEMORY" if in_memory else "DEFAULT"
            self._connection.execute(f"PRAGMA temp_store={place}")
            try:
                sqlite_connections.patiently(
                    self.path, lambda: self._connection.execute("VACUUM")
                )
            except sqlite3.Error:
                with contextlib.suppress(sqlite3.Error):
                    self._cut_log()  # Of what it had come to.
                raise
            self._erase_log()
            if self._uncut:
                return False
        with self.transaction() as connection:
            # What another process erased since then may have left copies anew.
            connection.execute(
                "UPDATE erasures SET cleared = MAX(cleared, ?)", (before,)
            )
        return True

    def _erase_log(self, told: bool = False) -> None:
        """Empties the log of what was removed, or leaves that to the next change.

        Args:
            told: Whether it needs no saying that this is left.
        """
        told, self._uncut = told or self._uncut, True  # It may fail.
        busy = not self._cut_log()
        if busy and not told:
            logging.warning(
                "%s: another process reads from its log, so that what was removed is "
                "still on disk; the next change, or the next opening, overwrites it",
                self.path,
            )
        self._uncut = busy

    def _roll_back(self) -> None:
        """Ends a transaction; of some errors SQLite has ended it by itself.

        Never hides what went wrong: what cannot be rolled back now is when the file is
        opened next.
        """
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
