"""What a gallery holds and gives back, and the checks on its way in."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dimn_tf import errors

_NAMED_IN_ERRORS = 5


@dataclasses.dataclass(frozen=True, eq=False)
class Entry:
    """One enrolled image.

    Attributes:
        entry_id: Unique in the gallery, such as the image's path.
        vector: Real [D], the classifier h(g(x~)) of the person on it.
        person_id: The person, where known; several entries may share one.
        metadata: Anything that JSON can hold.
    """

    entry_id: str
    vector: np.ndarray
    person_id: str | None = None
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Known:
    """What a gallery holds of an entry beside its vector.

    Attributes:
        entry_id: Of the entry.
        person_id: The entry's, or None.
        metadata: The entry's.
    """

    entry_id: str
    person_id: str | None
    metadata: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Page:
    """Some of a gallery's entries.

    Attributes:
        entries: In an order that stays.
        next: Where the next page begins; "": this is the last one.
    """

    entries: tuple[Known, ...]
    next: str


@dataclasses.dataclass(frozen=True)
class Hit:
    """An entry that a search found.

    Attributes:
        entry_id: Of the entry.
        score: Its inner product with the probe's feature; higher is more alike. Over
            the length of the probe's feature it is the likeness, which thresholds are
            of; times the model's scale it is the model's score.
        person_id: The entry's, or None.
        metadata: The entry's.
    """

    entry_id: str
    score: float
    person_id: str | None
    metadata: Mapping[str, Any]


def checked_vectors(
    vectors: Any, dimension: int, names: Sequence[str], what: str
) -> np.ndarray:
    """Vectors as float32 [n, D], or one error that names what is wrong with them.

    Args:
        vectors: Real [n, D].
        dimension: D of the gallery.
        names: What each vector belongs to, for errors.
        what: What the vectors are, for errors.

    Raises:
        errors.UserError: another shape, values that are not finite, zero vectors.
    """
    array = np.asarray(vectors)
    if array.dtype.kind not in "fiu" or array.ndim != 2 or array.shape[1] != dimension:
        raise errors.UserError(
            f"{what} have shape {array.shape} and type {array.dtype}; this gallery "
            f"takes real numbers of shape [n, {dimension}]. Use the model that the "
            "gallery was made with"
        )
    array = np.ascontiguousarray(array, np.float32)
    finite = np.isfinite(array).all(axis=1)
    _refuse(~finite, names, f"{what} are not finite (NaN or infinite)")
    _refuse(~array.any(axis=1), names, f"{what} are zero, which is like nothing")
    return array


def refuse_no_text(names: Sequence[Any]) -> None:
    """Raises where ids are no text that can be kept: not str, empty, or no UTF-8."""
    for name in names:
        try:
            good = bool(name.encode())
        except (AttributeError, UnicodeEncodeError):
            good = False
        if not good:
            raise errors.UserError(
                "entry ids and person ids must be text (UTF-8), and not empty; found "
                f"{ascii(name)}. Nothing was changed"
            )


def metadata_text(entry: Entry) -> str:
    """An entry's metadata as JSON.

    Raises:
        errors.UserError: JSON cannot hold them.
    """
    try:
        text = json.dumps(dict(entry.metadata), allow_nan=False, ensure_ascii=False)
        text.encode()
        return text
    except (TypeError, ValueError) as error:
        raise errors.UserError(
            f"entry {entry.entry_id!r}: its metadata are nothing that JSON can hold "
            f"({error})"
        ) from error


class NoPage(errors.UserError):
    """Of a place in the entries that no page told."""


def no_page(name: str, after: str) -> NoPage:
    """The error that says so."""
    return NoPage(
        f"{name}: after={after[:80]!r} is no place in its entries. Give what the page "
        "before said, or nothing for the first"
    )


def refuse_names(names: Sequence[str], problem: str, remedy: str) -> None:
    """Raises where there are names: their number, and the first of them."""
    if names:
        shown = ", ".join(repr(name) for name in names[:_NAMED_IN_ERRORS])
        more = len(names) - _NAMED_IN_ERRORS
        raise errors.UserError(
            f"{len(names)} {problem}: {shown}"
            f"{f' and {more} more' if more > 0 else ''}. {remedy}"
        )


def _refuse(bad: np.ndarray, names: Sequence[str], problem: str) -> None:
    found = [names[i] for i in np.flatnonzero(bad)]
    refuse_names(found, f"of {len(names)} {problem}", "Nothing was changed")
