"""The gallery's file: entries in SQLite, each transaction whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from dimn_tf import errors
from dimn_tf.gallery import about, base, gaps, names, sqlite_connections, sqlite_files

FORMAT = "1"
"""Raise it when older code could not read the file any more."""
FILE = "gallery.sqlite"
VECTOR_TYPES = {"float32": np.float32, "float16": np.float16}

_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    entry_id TEXT NOT NULL UNIQUE,
    person_id TEXT,
    metadata TEXT NOT NULL,
    vector BLOB NOT NULL
);
CREATE INDEX entries_of_person ON entries (person_id);
CREATE TABLE removals (
    change INTEGER PRIMARY KEY AUTOINCREMENT,
    number INTEGER NOT NULL
);
"""
# What holds for the whole gallery, and the form of each.
_FACTS = {
    "model_sha256": r".+",
    "dimension": r"[1-9]\d{0,6}",
    "index": r".+",
    "vector_type": "|".join(VECTOR_TYPES),
}
_POSITION = ", ".join(
    f"(SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = '{name}')"
    for name in ("entries", "removals")
)
_READ_AT_A_TIME = 4096
_VARIABLES = 500  # SQLite takes some 1,000 at least.


@dataclasses.dataclass(frozen=True)
class Row:
    """An entry as it is stored, without its vector."""

    number: int
    entry_id: str
    person_id: str | None
    metadata: str


class Store:
    """Entries by number; numbers rise and are never used again.

    A change is acknowledged once its transaction is on disk (write-ahead log,
    `synchronous=FULL`): a process that is killed at any moment loses nothing that
    was acknowledged and leaves nothing half-written. Readers see the state of the
    last transaction. SQLite's log wants a local file system. What is removed is
    overwritten with zeros; an index that was kept of it is kept no longer. `gaps` has
    what may be left of it.

    Args:
        path: The file; it must exist. Where it cannot be written to, it is read.

    Raises:
        errors.UserError: there is none, it is no gallery, or it cannot be read.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        try:
            there = path.is_file()
        except PermissionError as error:  # Of its folder.
            raise errors.UserError(
                f"{path}: it cannot be opened ({error.strerror}). Give yourself the "
                "right to read and write the file and its folder"
            ) from error
        if not there:
            raise base.NoGallery(
                f"{path}: there is no gallery. Enrol images first, or correct the path"
            )
        self._file = sqlite_files.SqliteFile(path)
        self.gaps = gaps.Gaps(self._file)
        try:
            self.facts = dict(self._file.read("SELECT name, value FROM facts"))
            self._check_facts()
        except errors.UserError:
            self.close()
            raise
        self._type = np.dtype(VECTOR_TYPES[self.facts["vector_type"]])
        self._bytes = int(self.facts["dimension"]) * self._type.itemsize
        self._uncounted: int | None = None  # Numbers that stand for no change.

    def _check_facts(self) -> None:
        if self.facts.get("format") != FORMAT:
            raise errors.UserError(
                f"{self.path} has format {self.facts.get('format')}, this version "
                f"reads {FORMAT}: enrol into a new folder"
            )
        for name, allowed in _FACTS.items():
            if not re.fullmatch(allowed, str(self.facts.get(name, ""))):
                found = repr(self.facts[name]) if name in self.facts else "nothing"
                raise self.damaged(f"its {name} is {found}")

    def damaged(self, found: str) -> errors.UserError:
        """The error that says so."""
        return errors.UserError(
            f"{self.path}: it is damaged, or of another version ({found}). Restore it "
            "from a backup, or enrol into a new folder"
        )

    @classmethod
    def create(
        cls,
        path: pathlib.Path,
        facts: Mapping[str, str],
        before_making: Callable[[], None] = lambda: None,
    ) -> Store:
        """Makes the file if it is missing, whole or not at all, and opens it.

        Args:
            path: Its folder is made too.
            facts: What holds for the whole gallery; `vector_type` among them.
            before_making: Called where it is missing; what it raises has none made.

        Raises:
            errors.UserError: the place cannot be written to; nothing is left there.
            OSError: the folder cannot be made.
        """
        statements = [(text,) for text in _SCHEMA.split(";") if text.strip()]
        identity = about.IDENTITY, about.new_identity()
        rows = [("format", FORMAT), identity, *facts.items()]
        statements += [("INSERT INTO facts VALUES (?, ?)", row) for row in rows]
        sqlite_connections.make(path, statements, before_making)
        return cls(path)

    def close(self) -> None:
        """Gives the file back."""
        self._file.close()

    def cut_left_log(self) -> None:
        """Overwrites what a removal that was killed left in SQLite's log."""
        self._file.cut_left_log()

    def __len__(self) -> int:
        # Entries are counted once; every change since then has its number.
        if self._uncounted is None:
            ((count, last, change),) = self._file.read(
                f"SELECT (SELECT COUNT(*) FROM entries), {_POSITION}"
            )
            self._uncounted = last - change - count
        last, change = self.position()
        return last - change - self._uncounted

    def add(
        self,
        rows: Sequence[tuple[str, str | None, str]],
        vectors: np.ndarray,
        replaced: Sequence[int] = (),
    ) -> None:
        """Adds entries, and removes those that they replace, in one transaction.

        Args:
            rows: (entry_id, person_id, metadata) of each; ids that are not there.
            vectors: [n, D].
            replaced: Numbers of entries that go.
        """
        stored = vectors.astype(self._type)
        with self._file.transaction(erases=bool(replaced)) as connection:
            _delete(connection, replaced)
            connection.executemany(
                "INSERT INTO entries (entry_id, person_id, metadata, vector) "
                "VALUES (?, ?, ?, ?)",
                [
                    (*row, vector.tobytes())
                    for row, vector in zip(rows, stored, strict=True)
                ],
            )

    def remove(self, numbers: Sequence[int]) -> None:
        """Removes entries by number in one transaction."""
        with self._file.transaction(erases=True) as connection:
            _delete(connection, numbers)

    def numbers_of(self, entry_ids: Sequence[str]) -> dict[str, int]:
        """The numbers of those entries that are there."""
        found = self._select("entry_id, number", "entry_id", entry_ids)
        return dict(found)

    def rows(self, numbers: Sequence[int]) -> dict[int, Row]:
        """Entries by number; those that are not there any more are left out."""
        columns = "number, entry_id, person_id, metadata"
        return {x[0]: Row(*x) for x in self._select(columns, "number", numbers)}

    def rows_after(
        self, number: int, limit: int, person_id: str | None = None
    ) -> list[Row]:
        """The next entries behind a number, of a person or of all, in their order."""
        spelt = [] if person_id is None else names.spellings(person_id)
        marks = ", ".join("?" * len(spelt))
        of_person = f"AND person_id IN ({marks}) " if spelt else ""
        found = self._file.read(
            "SELECT number, entry_id, person_id, metadata FROM entries "
            f"WHERE number > ? {of_person}ORDER BY number LIMIT ?",
            (number, *spelt, limit),
        )
        return [Row(*row) for row in found]

    def persons(self) -> dict[str, str | None]:
        """Every entry's person, by entry id."""
        return dict(self._file.read("SELECT entry_id, person_id FROM entries"))

    def identity(self) -> str | None:
        """See `BaseGallery.identity`."""
        return self._fact(about.IDENTITY)

    def give_identity(self) -> None:
        """See `BaseGallery.give_identity`; of two processes, one gives it."""
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO facts VALUES (?, ?)",
                (about.IDENTITY, about.new_identity()),
            )

    def kept_index(self) -> str | None:
        """What `set_kept_index` was given last."""
        return self._fact("kept_index")

    def _fact(self, name: str) -> str | None:
        """A fact that changes, as it is now."""
        found = self._file.read("SELECT value FROM facts WHERE name = ?", (name,))
        return found[0][0] if found else None

    def set_kept_index(self, name: str) -> None:
        """Notes which index file stands for these entries."""
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO facts VALUES ('kept_index', ?)", (name,)
            )

    def position(self) -> tuple[int, int]:
        """The last entry's number and the last removal's, as of now."""
        return self._file.read(f"SELECT {_POSITION}")[0]

    def vectors_between(
        self, after: int, last: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Numbers int64 [n] and vectors float32 [n, D] of after < number <= last.

        Some thousand at a time.
        """
        while True:
            block = self._file.read(
                "SELECT number, vector FROM entries WHERE number > ? AND number <= ? "
                "ORDER BY number LIMIT ?",
                (after, last, _READ_AT_A_TIME),
            )
            if not block:
                return
            numbers = [number for number, _ in block]
            yield np.array(numbers, np.int64), self._as_vectors(block)
            after = numbers[-1]

    def facts_between(
        self, after: int, last: int
    ) -> Iterator[list[tuple[int, str | None, dict]]]:
        """(number, person, metadata) of entries, as `vectors_between`."""
        while True:
            block = self._file.read(
                "SELECT number, person_id, metadata FROM entries WHERE number > ? "
                "AND number <= ? ORDER BY number LIMIT ?",
                (after, last, _READ_AT_A_TIME),
            )
            if not block:
                return
            yield [(row[0], row[1], self.metadata(row[0], row[2])) for row in block]
            after = block[-1][0]

    def metadata(self, number: int, text: str) -> dict:
        """An entry's metadata.

        Raises:
            errors.UserError: they are damaged.
        """
        try:
            found = json.loads(text)
        except (TypeError, ValueError):
            found = None
        if not isinstance(found, dict):
            raise self.damaged(f"the metadata of its entry {number} are no JSON object")
        return found

    def vectors_of(self, entry_ids: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors, float32 [D], of those entries that are there."""
        found = self._select("entry_id, number, vector", "entry_id", entry_ids)
        vectors = self._as_vectors([row[1:] for row in found])
        return {row[0]: vector for row, vector in zip(found, vectors, strict=True)}

    def _as_vectors(self, rows: Sequence[tuple[int, bytes]]) -> np.ndarray:
        """Float32 [n, D] of numbers and stored vectors."""
        for number, blob in rows:
            if not isinstance(blob, bytes) or len(blob) != self._bytes:
                raise self.damaged(
                    f"the vector of its entry {number} is no {self._bytes} bytes"
                )
        vectors = np.frombuffer(b"".join(blob for _, blob in rows), self._type)
        width = self._bytes // self._type.itemsize
        return vectors.reshape(-1, width).astype(np.float32)

    def removed_between(self, after: int, last: int) -> list[int]:
        """Numbers of entries that were removed by after < change <= last."""
        found = self._file.read(
            "SELECT number FROM removals WHERE change > ? AND change <= ?",
            (after, last),
        )
        return [number for (number,) in found]

    def snapshot(self) -> contextlib.AbstractContextManager[None]:
        """All reads inside see one state, whatever a writer does meanwhile."""
        return self._file.snapshot()

    def _select(self, columns: str, key: str, values: Sequence) -> list[tuple]:
        found, values = [], list(values)
        for start in range(0, len(values), _VARIABLES):
            part = values[start : start + _VARIABLES]
            marks = ", ".join("?" * len(part))
            query = f"SELECT {columns} FROM entries WHERE {key} IN ({marks})"
            found += self._file.read(query, part)
        return found


def _delete(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    rows = [(number,) for number in numbers]
    connection.executemany("DELETE FROM entries WHERE number = ?", rows)
    connection.executemany("INSERT INTO removals (number) VALUES (?)", rows)
    if rows:
        connection.execute("DELETE FROM facts WHERE name = 'kept_index'")
