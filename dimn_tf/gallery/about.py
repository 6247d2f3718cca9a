"""What holds for a whole gallery: its model, dimension, kind of index, identity."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from dimn_tf import errors

IDENTITY = "identity"
"""The fact that tells a gallery from another at its place."""


def new_identity() -> str:
    """An identity that no other gallery has: 32 hexadecimal digits."""
    return uuid.uuid4().hex


def refuse_another_model(name: str, found: str, wanted: str | None) -> None:
    """Raises where a gallery of one model is opened with another.

    Args:
        name: Of the gallery.
        found: The hash that it carries.
        wanted: The hash of the model at hand; None takes the gallery's word.
    """
    if wanted not in (None, found):
        raise errors.UserError(
            f"{name}: this gallery's vectors come from the model {found[:12]}..., not "
            f"from {wanted[:12]}...; scores between models mean nothing. Use that "
            "model, or enrol the images into a new gallery"
        )


def refuse_other_facts(name: str, found: dict[str, str], wanted: dict[str, str]):
    """Raises where a gallery is there whose facts are not the wanted ones."""
    other = [key for key in wanted if found.get(key) != wanted[key]]
    if other:
        differences = ", ".join(f"{k} {found.get(k)}, not {wanted[k]}" for k in other)
        raise errors.UserError(
            f"{name}: a gallery is there with {differences}. Open it as it is, or "
            "create another at a new place"
        )


def checked_facts(
    model_sha256: str, dimension: int, index: str, kinds: Sequence[str]
) -> dict[str, str]:
    """What holds for a whole new gallery.

    Raises:
        errors.UserError: no model, no dimension, or an index that is not known.
    """
    if index not in kinds:
        raise errors.UserError(f"index={index!r}: expected one of {', '.join(kinds)}")
    if dimension < 1 or not model_sha256:
        raise errors.UserError(
            f"a gallery needs its model's hash and dimension, got {model_sha256!r} and "
            f"{dimension}"
        )
    return {
        "model_sha256": model_sha256,
        "dimension": str(dimension),
        "index": index,
    }
