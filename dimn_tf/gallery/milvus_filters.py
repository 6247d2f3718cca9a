"""By what a gallery on Milvus filters: scalar fields, and expressions over them.

No name stands in an expression, but its hash (hexadecimal) or a number: so nothing has
to be quoted, whatever cameras and people are called.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from dimn_tf.gallery import filters, names

PERSON, CAMERA, SEEN = "person_key", "camera_key", "seen"
FIELDS = (PERSON, CAMERA, SEEN)
"""Hashes of an entry's person (without one, of the entry: it stands for itself) and of
its camera (without one, ""), and when it was seen, in microseconds (`filters`)."""
LENGTH = 32
"""Of a hash: 128 bits of SHA-256."""


def values(
    entry_id: str, person_id: str | None, metadata: Mapping[str, Any]
) -> dict[str, str | int]:
    """The `FIELDS` of an entry."""
    camera = filters.text_of(metadata, filters.CAMERA)
    return {
        PERSON: _hash("entry", entry_id)
        if person_id is None
        else _hash("person", names.one(person_id)),
        CAMERA: "" if camera is None else _hash("camera", names.one(camera)),
        SEEN: filters.microseconds(filters.time_of(metadata)),
    }


def expression(wanted: filters.Filter | None, without: Iterable[str] = ()) -> str:
    """Milvus' expression for some of the entries.

    Args:
        wanted: Which; None: all.
        without: Values of `PERSON` that do not count.

    Returns:
        The expression; "": all entries.
    """
    clauses = []
    if wanted is not None and wanted.cameras:
        clauses.append(f"{CAMERA} in {_listed(_hashes('camera', wanted.cameras))}")
    if wanted is not None and (wanted.since is not None or wanted.until is not None):
        since = max(filters.microseconds(wanted.since), filters.NEVER + 1)
        clauses.append(f"{SEEN} >= {since}")
    if wanted is not None and wanted.until is not None:
        clauses.append(f"{SEEN} < {filters.microseconds(wanted.until)}")
    if without := list(without):
        clauses.append(f"{PERSON} not in {_listed(without)}")
    return " and ".join(clauses)


def of_person(person_id: str) -> str:
    """Milvus' expression for the entries of a person."""
    hashes = _hashes("person", [person_id])
    if len(hashes) == 1:
        return f'{PERSON} == "{hashes[0]}"'
    return f"{PERSON} in {_listed(hashes)}"


def _listed(hashes: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in hashes) + "]"


def _hashes(kind: str, given: Iterable[str]) -> list[str]:
    """Of names in each spelling: an older version's are of names as they were."""
    return sorted({_hash(kind, spelt) for n in given for spelt in names.spellings(n)})


def _hash(kind: str, name: str) -> str:
    """Of a name among those of its kind."""
    text = f"{kind}:{name}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:LENGTH]
