"""Whose pictures a state's folder keeps: one gallery's, for as long as it is there."""

from __future__ import annotations

import contextlib
import os
import pathlib

from absl import logging

from dimn_tf import errors, files
from dimn_tf.gallery import base, places
from dimn_tf.service import state as state_lib

_NAME = "gallery.txt"
_IDENTITY = "gallery_identity.txt"


def claim(folder: pathlib.Path, place: str) -> None:
    """Has a folder be one gallery's: of another one, all pictures would be swept away.

    A folder within the gallery's own moves with it, and needs no name of it.

    Args:
        folder: Of the state, made if it is missing.
        place: Of the gallery (see `places.HELP`), which is there.

    Raises:
        errors.UserError: it is another gallery's.
    """
    name, path = _name_in(folder, place), folder / _NAME
    if name is not None and not path.exists():
        files.private_folder(folder)
        with files.replacing(path) as partial:
            partial.write_text(name, encoding="utf-8")
    refuse_other_gallery(folder, place)


def refuse_other_gallery(folder: pathlib.Path, place: str) -> None:
    """Raises where a folder is another gallery's; writes nothing.

    Args:
        folder: Of the state, which may be missing.
        place: Of the gallery (see `places.HELP`).

    Raises:
        errors.UserError: it is.
    """
    name, path = _name_in(folder, place), folder / _NAME
    if name is None or not path.exists():
        return
    held = path.read_text(encoding="utf-8")
    if held != name:
        raise errors.UserError(
            f"--state={folder}: it keeps the pictures of --gallery={held}, not of "
            f"{name}. Name another folder, or that gallery (where the gallery itself "
            f"was moved, remove {path})"
        )


def refuse_lost_gallery(folder: pathlib.Path, place: str) -> None:
    """Has no gallery made where there was one: all that is kept would be swept away.

    A gallery that is moved aside to be restored, or a collection that is missing, is no
    empty one, of which each entry is gone.

    Args:
        folder: Of the state, which may be missing.
        place: Of the gallery (see `places.HELP`), where there is none.

    Raises:
        errors.UserError: something is kept of its entries, or the folder is another
            gallery's.
    """
    refuse_other_gallery(folder, place)
    path = folder / state_lib.FILE
    if not path.exists():
        return
    with contextlib.closing(state_lib.State(folder)) as state:
        empty = state.is_empty
    if not empty:
        raise errors.UserError(
            f"--gallery={place}: there is no gallery, but {path} keeps pictures or "
            "names of its entries, which a new and empty gallery would have removed. "
            "Put the gallery back, from its backup if need be, or correct the place; "
            f"where it is to begin anew, remove {path} and {path}-*"
        )


def recognize(state: state_lib.State, place: str, gallery: base.BaseGallery) -> None:
    """Has a state be one gallery's, whatever is put in its place later.

    A gallery that was moved aside may have been followed by another, of which no entry
    is the old one's. What holds nothing, or an older version left, takes what it meets.

    Args:
        state: Of a folder that is this place's (`claim`).
        place: Of the gallery (see `places.HELP`).
        gallery: Opened there. It is given an identity where it has none; where it
            cannot be written to, a line says so, and nothing is remembered.

    Raises:
        errors.UserError: the state holds something of another gallery's entries.
    """
    path = state.path.with_name(_IDENTITY)
    if not state.is_empty:
        refuse_another_gallery(state, place, gallery)
    identity = gallery.identity
    try:
        identity = identity or gallery.give_identity()
    except errors.UserError as error:
        path.unlink(missing_ok=True)
        logging.warning(
            "--gallery=%s: an older version made it, and it cannot be given an "
            "identity. Should another gallery come to that place, all of this one's "
            "pictures would be removed from %s unasked. (%s)",
            place,
            state.path,
            error,
        )
        return
    if not path.exists() or path.read_text(encoding="utf-8") != identity:
        with files.replacing(path) as partial:
            with open(partial, "w", opener=files.private_opener) as file:
                file.write(identity)


def refuse_another_gallery(
    state: state_lib.State, place: str, gallery: base.BaseGallery
) -> None:
    """Raises where a state remembers another gallery; see `recognize`.

    Raises:
        errors.UserError: it does.
    """
    path = state.path.with_name(_IDENTITY)
    if not path.exists():
        return
    remembered, found = path.read_text(encoding="utf-8"), gallery.identity
    if found != remembered:
        raise errors.UserError(
            f"--gallery={place}: this is another gallery than the one of whose entries "
            f"{state.path} keeps pictures or names (its identity is {found or 'none'}, "
            f"expected {remembered}): they would be removed. Put that gallery back, "
            f"from its backup if need be; where this one is to take its place, remove "
            f"{path}, and what is kept of entries that it does not hold goes"
        )


def _name_in(folder: pathlib.Path, place: str) -> str | None:
    """A gallery's name in its state's folder; None: it has none, within its own."""
    if not places.is_folder(place):
        return place
    place = os.path.abspath(place)
    is_within = pathlib.Path(place) in pathlib.Path(os.path.abspath(folder)).parents
    return None if is_within else place
