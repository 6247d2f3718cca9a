"""What the service keeps beside a gallery: pictures, masked ids, first sights."""

from __future__ import annotations

import os
import pathlib
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence

from absl import logging

from dimn_tf import files
from dimn_tf.gallery import gaps, sqlite_connections, sqlite_files

FILE = "service.sqlite"
_ALIAS = "entry-"
_ALIAS_BYTES = 16  # Drawn: a hash of a path would tell whoever guesses the path.
_SMALL = 1
"""`user_version` of a file whose pictures are small; 0: an older version's, which kept
whole photos."""
_ONE_ALIAS_AN_ENTRY = (
    "CREATE UNIQUE INDEX IF NOT EXISTS aliases_by_entry ON aliases (entry_id)"
)
_STATEMENTS = (
    (f"PRAGMA user_version = {_SMALL}",),
    ("CREATE TABLE pictures (entry_id TEXT PRIMARY KEY, content BLOB NOT NULL)",),
    ("CREATE TABLE aliases (alias TEXT PRIMARY KEY, entry_id TEXT NOT NULL)",),
    (_ONE_ALIAS_AN_ENTRY,),
    ("CREATE TABLE first_seen (entry_id TEXT PRIMARY KEY, time TEXT NOT NULL)",),
)
_TABLES = ("pictures", "aliases", "first_seen")
_VARIABLES = 500
Place = tuple[int, str]
"""Where `State.named` has come to."""


def own_folder(place: str | os.PathLike) -> pathlib.Path:
    """The state's folder within a gallery's own, where no other is named.

    Args:
        place: Of the gallery, a folder.
    """
    return pathlib.Path(place).absolute() / "service"


class State:
    """A SQLite file, its owner's alone; what is removed is overwritten.

    Args:
        folder: Made if it is missing.

    Raises:
        errors.UserError: the place cannot be written to.
    """

    def __init__(self, folder: pathlib.Path):
        path = self.path = folder / FILE
        sqlite_connections.make(path, _STATEMENTS)
        self._file = sqlite_files.SqliteFile(path)
        self._file.cut_left_log()
        self._gaps = gaps.Gaps(self._file)
        if self._is_of_before_the_index():
            with self._file.transaction() as connection:
                connection.execute(_ONE_ALIAS_AN_ENTRY)
        if files.open_to_others(folder) and files.open_to_others(path):
            logging.warning(
                "%s: others on this machine can read it. chmod -R go= %s", path, folder
            )

    def close(self) -> None:
        """Gives the file back."""
        try:
            self._gaps.clear_small(at_once=True)
        finally:
            self._file.close()

    def clear_gaps(self, at_most: int | None = None) -> bool:
        """Rids the file of copies that removals left, see `gaps.Gaps.clear`."""
        return self._gaps.clear(at_most)

    def put_picture(self, entry_id: str, content: bytes) -> None:
        """Keeps an entry's picture, in place of the one before."""
        replaces = self.has_picture(entry_id)
        with self._file.transaction(erases=replaces) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO pictures VALUES (?, ?)", (entry_id, content)
            )
        self._gaps.clear_small()

    def put_picture_back(
        self, entry_id: str, content: bytes, which_of: Callable
    ) -> None:
        """Keeps the picture of an entry that is there, unless it has one.

        Args:
            entry_id: The entry.
            content: Its picture.
            which_of: See `BaseGallery.which_of`; asked while nobody else forgets.
        """
        with self._file.transaction() as connection:
            if not self.has_picture(entry_id) and which_of([entry_id]):
                connection.execute(
                    "INSERT INTO pictures VALUES (?, ?)", (entry_id, content)
                )

    def has_picture(self, entry_id: str) -> bool:
        """Whether an entry's picture is kept."""
        return bool(self._rows("pictures", "entry_id", [entry_id]))

    def picture(self, entry_id: str) -> bytes | None:
        """An entry's picture."""
        found = self._file.read(
            "SELECT content FROM pictures WHERE entry_id = ?", (entry_id,)
        )
        return found[0][0] if found else None

    def remove_picture(self, entry_id: str) -> None:
        """Forgets an entry's picture."""
        with self._file.transaction(erases=True) as connection:
            connection.execute("DELETE FROM pictures WHERE entry_id = ?", (entry_id,))
        self._gaps.clear_small()

    def pictured(self, after: str, limit: int) -> list[str]:
        """The next entries behind one that have a picture, in their order."""
        found = self._file.read(
            "SELECT entry_id FROM pictures WHERE entry_id > ? ORDER BY entry_id "
            "LIMIT ?",
            (after, limit),
        )
        return [entry_id for (entry_id,) in found]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept of any entry."""
        return not any(
            self._file.read(f"SELECT 1 FROM {table} LIMIT 1") for table in _TABLES
        )

    @property
    def holds_small_pictures(self) -> bool:
        """Whether all its pictures are small, see `WholePhotos`."""
        ((version,),) = self._file.read("PRAGMA user_version")
        return version >= _SMALL

    def mark_small_pictures(self) -> None:
        """Notes that they are."""
        with self._file.transaction() as connection:
            connection.execute(f"PRAGMA user_version = {_SMALL}")

    def public_ids(
        self,
        entry_ids: Iterable[str],
        which_of: Callable[[Sequence[str]], Collection[str]],
    ) -> dict[str, str]:
        """What clients call entries: an id that is a path of this machine is masked.

        Masks are drawn, and kept, so that `private_id` finds the entries again.

        Args:
            entry_ids: The entries.
            which_of: Tells those that are there; of others nothing is kept, and their
                masks are others each time.
        """
        masked = [entry_id for entry_id in entry_ids if is_masked(entry_id)]
        masks = self._masks(masked)
        new = {name: _drawn_mask() for name in masked if name not in masks}
        if there := which_of(list(new)) if new else ():
            with self._file.transaction() as connection:
                connection.executemany(
                    "INSERT OR IGNORE INTO aliases VALUES (?, ?)",
                    [(new[name], name) for name in there],
                )
            # Another process may have been faster.
            new.update(self._masks(list(there)))
        return {**masks, **new}

    def private_id(self, public_id: str) -> str:
        """The entry that a client's name for it stands for."""
        found = self._file.read(
            "SELECT entry_id FROM aliases WHERE alias = ?", (public_id,)
        )
        return found[0][0] if found else public_id

    def first_seen(self, entry_ids: Sequence[str], now: str) -> dict[str, str]:
        """When entries were seen here first; those that were not, are now."""
        known = dict(self._rows("first_seen", "entry_id, time", entry_ids))
        new = [(entry_id, now) for entry_id in entry_ids if entry_id not in known]
        if new:
            with self._file.transaction() as connection:
                connection.executemany(
                    "INSERT OR IGNORE INTO first_seen VALUES (?, ?)", new
                )
        return {**known, **dict(new)}

    def forget(
        self,
        entry_ids: Iterable[str],
        spared: Callable[[Sequence[str]], Collection[str]] = lambda _: (),
    ) -> set[str]:
        """Removes all that belongs to entries, for good; of none, what is left to do.

        That is what an earlier one could not overwrite.

        Args:
            entry_ids: The entries.
            spared: Tells those of them that stay after all; asked while nobody else
                puts or forgets anything.

        Returns:
            The entries of which nothing is kept now.
        """
        names = list(entry_ids)
        if not names:
            self._file.erase_left()
            return set()
        with self._file.transaction(erases=True) as connection:
            names = sorted(set(names).difference(spared(names)))
            for table in _TABLES:
                connection.executemany(
                    f"DELETE FROM {table} WHERE entry_id = ?", [(n,) for n in names]
                )
        self._gaps.clear_small()
        return set(names)

    def kept_of(self, entry_ids: Iterable[str]) -> set[str]:
        """Those of some entries of which anything is kept."""
        names = list(entry_ids)
        return {
            entry_id
            for table in _TABLES
            for (entry_id,) in self._rows(table, "entry_id", names)
        }

    def named(self, after: Place | None, limit: int) -> tuple[list[str], Place | None]:
        """Entries of which anything is kept, so that all are seen at least once.

        Args:
            after: Where the ones before ended; None: from the first.
            limit: Entries, at most.

        Returns:
            The entries, and where these end; None: there are no more.
        """
        number, value = after or (0, "")
        found = self._file.read(
            f"SELECT entry_id FROM {_TABLES[number]} WHERE entry_id > ? "
            "ORDER BY entry_id LIMIT ?",
            (value, limit),
        )
        if len(found) == limit:
            following = (number, found[-1][0])
        else:
            following = (number + 1, "") if number + 1 < len(_TABLES) else None
        return [entry_id for (entry_id,) in found], following

    def _masks(self, entry_ids: Sequence[str]) -> dict[str, str]:
        return dict(self._rows("aliases", "entry_id, alias", entry_ids))

    def _rows(self, table: str, columns: str, entry_ids: Sequence[str]) -> list[tuple]:
        found = []
        for start in range(0, len(entry_ids), _VARIABLES):
            part = entry_ids[start : start + _VARIABLES]
            marks = ", ".join("?" * len(part))
            found += self._file.read(
                f"SELECT {columns} FROM {table} WHERE entry_id IN ({marks})", part
            )
        return found

    def _is_of_before_the_index(self) -> bool:
        return self._file.writable and not self._file.read(
            "SELECT 1 FROM sqlite_master WHERE name = 'aliases_by_entry'"
        )


def is_masked(entry_id: str) -> bool:
    """Whether clients call an entry otherwise: its id may be a path of this machine."""
    return "/" in entry_id or "\\" in entry_id


def _drawn_mask() -> str:
    return _ALIAS + secrets.token_hex(_ALIAS_BYTES)
