"""Person, camera and time of a gallery's entries in memory, for exact filters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from dimn_tf.gallery import filters
from dimn_tf.gallery import names as names_lib

_ROW = np.dtype(
    [
        ("number", np.int64),
        ("time", np.int64),
        ("person", np.int32),
        ("camera", np.int32),
    ]
)
_NONE = -1  # The code of no name.
_FIRST_ROWS = 1_024


class Facts:
    """Facts by number of entry, in the order of the numbers.

    They take 24 bytes an entry (and while they grow up to twice as many), and each name
    of a person or a camera once.
    """

    def __init__(self):
        self._rows = np.empty(_FIRST_ROWS, _ROW)
        self._count = 0
        self._names = {"person": _Names(), "camera": _Names()}

    def __len__(self) -> int:
        return self._count

    def add(self, entries: Iterable[tuple[int, str | None, dict[str, Any]]]) -> None:
        """Adds (number, person, metadata) of entries; numbers rise."""
        person, camera = self._names["person"].code, self._names["camera"].code
        rows = [
            (
                number,
                filters.microseconds(filters.time_of(metadata)),
                person(person_id),
                camera(metadata.get(filters.CAMERA)),
            )
            for number, person_id, metadata in entries
        ]
        count = self._count + len(rows)
        if count > len(self._rows):
            grown = np.empty(max(count, 2 * len(self._rows)), _ROW)
            grown[: self._count] = self._present
            self._rows = grown
        self._rows[self._count : count] = np.array(rows, _ROW)
        self._count = count

    def remove(self, numbers: Sequence[int]) -> None:
        """Removes entries by number; numbers that are not there are passed over."""
        kept = self._present[~np.isin(self._present["number"], numbers)]
        self._rows, self._count = kept, len(kept)
        for field, names in self._names.items():
            if len(names) > 2 * self._count + _FIRST_ROWS:
                names.keep(self._rows[field])

    def taken(self, wanted: filters.Filter) -> np.ndarray:
        """Which entries a filter takes: bool [n], in the order of their numbers."""
        rows = self._present
        taken = np.ones(len(rows), bool)
        if wanted.cameras:
            taken &= self._names["camera"].among(rows["camera"], wanted.cameras)
        if wanted.since is not None or wanted.until is not None:
            taken &= rows["time"] != filters.NEVER
        if wanted.since is not None:
            taken &= rows["time"] >= filters.microseconds(wanted.since)
        if wanted.until is not None:
            taken &= rows["time"] < filters.microseconds(wanted.until)
        return taken

    def persons(self, numbers: np.ndarray) -> np.ndarray:
        """A code for each entry's person, int64 [n]; without one, its own."""
        rows = self._present
        codes = rows["person"][np.searchsorted(rows["number"], numbers)]
        return np.where(codes == _NONE, -1 - numbers, codes)

    def of_others(self, persons: np.ndarray) -> np.ndarray:
        """Which entries are nobody's of these codes: bool [n], in their order."""
        rows = self._present
        alone = np.isin(rows["number"], -1 - persons[persons < 0])
        return ~(alone | np.isin(rows["person"], persons[persons >= 0]))

    @property
    def _present(self) -> np.ndarray:
        return self._rows[: self._count]


class _Names:
    """Names -> codes 0, 1, ..."""

    def __init__(self):
        self._codes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._codes)

    def code(self, name: Any) -> int:
        """A name's code; what is no text has none."""
        if not isinstance(name, str):
            return _NONE
        return self._codes.setdefault(names_lib.one(name), len(self._codes))

    def among(self, codes: np.ndarray, names: Collection[str]) -> np.ndarray:
        """Which of the codes are those of some names."""
        wanted = np.zeros(len(self._codes) + 1, bool)  # The last one is `_NONE`'s.
        spelt = map(names_lib.one, names)
        wanted[[self._codes[name] for name in spelt if name in self._codes]] = True
        return wanted[codes]

    def keep(self, codes: np.ndarray) -> None:
        """Forgets names that no entry has any more; changes the codes in place."""
        by_code = np.full(len(self._codes) + 1, _NONE, np.int32)
        used = np.unique(codes[codes != _NONE])
        by_code[used] = np.arange(len(used))
        codes[:] = by_code[codes]
        self._codes = {
            name: int(by_code[code])
            for name, code in self._codes.items()
            if by_code[code] != _NONE
        }
