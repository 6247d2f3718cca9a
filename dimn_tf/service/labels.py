"""Names of people and cameras as requests give them: one rule, however they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dimn_tf.gallery import names


def label(text: str) -> str | None:
    """The name without the white space around it; None where nothing is left.

    It is spelt in one way, see `names`.
    """
    return names.one(text.strip()) or None


def meant(text: str, is_there: Callable[[str], bool]) -> str | None:
    """The name that is meant of those that a gallery holds.

    Args:
        text: As a request gives it.
        is_there: Whether the gallery holds a name. Commands enrol people by names of
            folders as they are, white space and all: whom one names exactly is meant.
    """
    name = label(text)
    return text if text and names.one(text) != name and is_there(text) else name


def alike(texts: Iterable[str]) -> frozenset[str]:
    """The names that are meant where those of a gallery are not known: either way."""
    named = [text for text in texts if label(text)]
    return frozenset([*named, *(text.strip() for text in named)])
