"""The file of an index that takes long to build, in its gallery's folder."""

from __future__ import annotations

import pathlib
import re
import uuid

from absl import logging

from dimn_tf import files
from dimn_tf.gallery import indexes, store

_BEGIN = "index-"
# Our own names, and those that `files.replacing` writes such a file under: whatever
# else lies in the folder is the user's.
_OWN = re.compile(
    rf"{_BEGIN}[0-9a-f]+-\d+-\d+\.faiss"
    rf"|\.{_BEGIN}[0-9a-f]+-\d+-\d+\.[\w-]+\.\d+\.partial\.faiss"
)

Position = tuple[int, int]
"""The last entry and the last change that an index has seen; see `store.Store`."""


class KeptIndex:
    """A cache of an index: it may be deleted, and is built anew.

    The entries' file names the one that counts, so that entries that are put back from
    a backup do not meet an index of later ones.

    Args:
        folder: The gallery's.
        entries: Its entries' file.

    Attributes:
        position: Up to where the file's index goes; None: none was written or read
            here, or it is gone.
    """

    def __init__(self, folder: pathlib.Path, entries: store.Store):
        self._folder = folder
        self._store = entries
        self.position: Position | None = None

    def read_into(self, index: indexes.Index) -> bool:
        """Fills an empty index from the file; whether it did.

        Where it did not, the index is to be thrown away: no file counts, or it cannot
        be read, which is said.
        """
        while (name := self._store.kept_index()) is not None:
            path = self._folder / name
            try:
                index.read(path)
            except (OSError, RuntimeError) as error:  # FAISS raises the latter.
                if name != self._store.kept_index():
                    continue  # A writer replaced it meanwhile.
                logging.warning(
                    "%s cannot be read and is built anew from the entries: %s",
                    path,
                    str(error).splitlines()[0],
                )
                return False
            last, change = map(int, path.stem.split("-")[-2:])
            # Removals that the index has seen but, being what it is, still holds.
            index.remove(self._store.removed_between(0, change))
            self.position = (last, change)
            return True
        return False

    def write(self, index: indexes.Index, position: Position) -> None:
        """Puts an index on disk, where the file does not hold it; for the one writer.

        Args:
            index: To write.
            position: Up to where it goes.
        """
        if self._store.kept_index() is None or self.position != position:
            last, change = position
            name = f"{_BEGIN}{uuid.uuid4().hex}-{last}-{change}.faiss"
            with files.replacing(self._folder / name) as partial:
                index.write(partial)
            self._store.set_kept_index(name)
            self.position = position
        self.delete_others()

    def delete_others(self) -> None:
        """Deletes all files but the one that counts; for the one writer."""
        kept = self._store.kept_index()
        for path in self._files():
            if path.name != kept:
                path.unlink()
        if kept is None:
            self.position = None

    def has_others(self) -> bool:
        """Whether there are files that do not count."""
        kept = self._store.kept_index()
        return any(path.name != kept for path in self._files())

    def _files(self) -> list[pathlib.Path]:
        """What this program wrote here, whole and partial files."""
        return [
            path
            for path in self._folder.iterdir()
            if _OWN.fullmatch(path.name) and path.is_file()
        ]
