"""What is wrong with a SQLite file, in words that say what to do."""

from __future__ import annotations

import contextlib
import pathlib
import sqlite3
from collections.abc import Iterator

from dimn_tf import errors

PATIENCE = 60.0
"""Seconds that another process' transaction is waited for; ours."""
# Of SQLite's result codes, by their beginning: what is wrong, and what to do.
_FAULTS = {
    "SQLITE_FULL": (
        "the disk is full, or that of SQLite's temporary files (SQLITE_TMPDIR)",
        "Make room, then run the command again: what was acknowledged before is kept",
    ),
    "SQLITE_IOERR": (
        "the disk failed, or is full",
        "Look after it, then run the command again",
    ),
    "SQLITE_READONLY": (
        "it cannot be written to",
        "Give yourself the right to write to the file and its folder",
    ),
    "SQLITE_CANTOPEN": (
        "it cannot be opened",
        "Give yourself the right to read and write the file and its folder",
    ),
    "SQLITE_BUSY": (
        f"another process has been writing to it for {PATIENCE:.0f} seconds",
        "Wait for it, then run the command again",
    ),
    "SQLITE_CORRUPT": (
        "it is damaged",
        "Restore it from a backup, or enrol into a new folder",
    ),
    "SQLITE_NOTADB": (
        "it is no gallery",
        "Restore it from a backup, or enrol into a new folder",
    ),
}
# Errors without a code of their own, by their beginning: of a file of another form, and
# of Python's own look at who calls.
_FORMS = (
    ("no such table", _FAULTS["SQLITE_NOTADB"]),
    ("no such column", _FAULTS["SQLITE_NOTADB"]),
    ("Could not decode to UTF-8", _FAULTS["SQLITE_CORRUPT"]),
    (
        "SQLite objects created in a thread",
        (
            "another thread opened it, which alone may use it",
            "Open one for each thread",
        ),
    ),
)


@contextlib.contextmanager
def told(path: pathlib.Path) -> Iterator[None]:
    """Turns SQLite's errors about a file into one that says what to do.

    Raises:
        errors.UserError: one of `_FAULTS` or `_FORMS`; other errors are defects, and
            stay.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        name, words = code(error), str(error)
        known = [told for start, told in _FAULTS.items() if name.startswith(start)]
        known += [told for start, told in _FORMS if words.startswith(start)]
        if not known:
            raise
        fault, action = known[0]
        raise errors.UserError(f"{path}: {fault} ({error}). {action}") from error


def code(error: BaseException | None) -> str:
    """SQLite's result code by name; empty where an error is none of its."""
    return getattr(error, "sqlite_errorname", "")
