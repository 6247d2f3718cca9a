"""Names of people and cameras that look the same are the same, however they are spelt.

Unicode spells a letter with an accent as one character (NFC, as keyboards do) or as two
(NFD, as macOS' names of files do). What enters by the commands or the service is made
NFC; galleries keep what they hold, of older versions and from Python, and are asked for
each spelling.
"""

from __future__ import annotations

import unicodedata


def one(name: str) -> str:
    """The one spelling (NFC) of a name."""
    return unicodedata.normalize("NFC", name)


def spellings(name: str) -> list[str]:
    """The spellings under which a gallery may hold a name: as it is, NFC and NFD."""
    return list(dict.fromkeys([name, one(name), unicodedata.normalize("NFD", name)]))


def same(name: object, other: object) -> bool:
    """Whether two are one name, or are equal where they are no names."""
    if isinstance(name, str) and isinstance(other, str):
        return one(name) == one(other)
    return name == other
