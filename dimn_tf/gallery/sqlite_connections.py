"""Connections to SQLite files: patient with other writers; files made whole or not."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sqlite3
import time
import urllib.parse
from collections.abc import Callable, Sequence
from typing import TypeVar

from absl import logging

from dimn_tf import files
from dimn_tf.gallery import sqlite_faults

_QUIET = 1.0  # Of `sqlite_faults.PATIENCE`, seconds without a word.
_T = TypeVar("_T")


def make(
    path: pathlib.Path,
    statements: Sequence[tuple],
    before_making: Callable[[], None] = lambda: None,
) -> None:
    """Makes a file in one transaction, unless it is there and holds tables.

    File and folder are made their owner's alone. A making that fails leaves neither
    file nor folder, one that is killed an empty file, which the next one fills.

    Args:
        path: The file.
        statements: (SQL,) or (SQL, values) each.
        before_making: Called where it is to be made or filled; what it raises leaves
            all as it was.

    Raises:
        errors.UserError: the place cannot be written to.
        OSError: its folder cannot be made.
    """
    ours = not path.exists()
    if ours:  # Nothing is touched: its log may lie there still.
        before_making()
    missing = [folder for folder in path.parents if not folder.exists()]
    files.private_folder(path.parent)
    try:
        if ours:  # SQLite would make it readable by all, and its log as the file is.
            with contextlib.suppress(OSError):  # Of which SQLite tells more.
                os.close(files.private_opener(os.fspath(path), os.O_RDWR | os.O_CREAT))
        with (
            sqlite_faults.told(path),
            contextlib.closing(opened(path, "mode=rwc")) as connection,
        ):
            if _look(connection):
                return
            if not ours:
                before_making()
            patiently(path, lambda: log_ahead(connection))
            patiently(path, lambda: connection.execute("BEGIN IMMEDIATE"))
            if not _look(connection):  # Another process may have been faster.
                for statement in statements:
                    connection.execute(*statement)
            connection.execute("COMMIT")
    except BaseException as error:
        busy = sqlite_faults.code(error.__cause__).startswith("SQLITE_BUSY")
        if ours and not busy:
            with contextlib.suppress(OSError):  # Else it would hide the cause.
                for ending in ("", "-wal", "-shm"):
                    path.with_name(path.name + ending).unlink(missing_ok=True)
                for folder in missing:
                    folder.rmdir()
        raise


def opened(path: pathlib.Path, options: str) -> sqlite3.Connection:
    """A connection to a file that could be read.

    Raises:
        errors.UserError: it is no SQLite file, is damaged or cannot be read.
    """
    place = urllib.parse.quote(os.fsencode(os.path.abspath(path)))
    with sqlite_faults.told(path):
        # Transactions are begun and ended here, not by the module.
        connection = sqlite3.connect(
            f"file:{place}?{options}", uri=True, timeout=_QUIET, isolation_level=None
        )
        try:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA secure_delete=ON")
            patiently(path, lambda: _look(connection))
        except BaseException:
            connection.close()
            raise
    return connection


def _look(connection: sqlite3.Connection) -> int:
    """How many tables there are."""
    return connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]


def log_ahead(connection: sqlite3.Connection) -> None:
    """Has changes go to a write-ahead log, beside which others can read."""
    connection.execute("PRAGMA journal_mode=WAL").fetchall()


def patiently(path: pathlib.Path, action: Callable[[], _T]) -> _T:
    """Repeats an action while another process writes, and says so after a second."""
    start, said = time.monotonic(), False
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            busy = sqlite_faults.code(error).startswith("SQLITE_BUSY")
            if not busy or time.monotonic() - start > sqlite_faults.PATIENCE:
                raise
        if not said:
            logging.warning("%s: waiting for another process that writes to it", path)
            said = True
