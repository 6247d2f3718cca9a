"""What is taken out of a gallery again, and that no file holds copies of it."""

import contextlib
import pathlib
from collections.abc import Callable, Collection, Sequence

from dimn_tf import errors
from dimn_tf.gallery import base, enrolment, entries, image_sources, names, places
from dimn_tf.gallery import store as store_lib
from dimn_tf.service import claims, removals
from dimn_tf.service import state as state_lib


def remove(
    place: str, given: Sequence[str], persons: Sequence[str]
) -> tuple[list[str], int]:
    """Removes entries, and what a service keeps of them in the gallery's own folder.

    What is kept elsewhere (`serve --state`) that service itself removes.

    Args:
        place: Of the gallery (see `places.HELP`).
        given: Images and folders, see `image_sources.Below`.
        persons: Whose entries go too.

    Returns:
        The entries removed, and how many are left.

    Raises:
        errors.UserError: there is no gallery, or one of the names stands for no entry:
            nothing is removed then.
    """
    with places.open_gallery(place) as gallery:
        wanted = [
            *((text, _is_below(text)) for text in given),
            *((f"person {person}", _is_of(person)) for person in persons),
        ]
        found: dict[str, set[str]] = {name: set() for name, _ in wanted}
        for known in gallery.each():
            for name, is_wanted in wanted:
                if is_wanted(known):
                    found[name].add(known.entry_id)
        gone = sorted(set().union(*found.values()))
        unknown = [name for name, entry_ids in found.items() if not entry_ids]
        if unknown:
            raise errors.UserError(
                f"{place}: no entry of {', '.join(unknown)}. Nothing was "
                "removed. An entry's id is the image's path as it was enrolled; "
                "`experiments.search --json` names entries and persons of what it finds"
            )
        gallery.remove(gone)
        _forget(place, gallery, gone)
        enrolment.tidy(gallery, erased=True)
        return gone, len(gallery)


def clear_gaps(place: str, folder: pathlib.Path | None) -> list[pathlib.Path]:
    """Rids files of copies that removals left, see `gaps.Gaps`.

    Args:
        place: Of the gallery (see `places.HELP`).
        folder: Of a service's state; None: the one within the gallery's own, where
            there is one.

    Returns:
        The files, which hold none now: the gallery's, where it is in a folder, and
        those of states.

    Raises:
        errors.UserError: nothing is known of any file; `folder` holds no state, or
            another gallery's; the disk is full; or another process is reading.
    """
    states = []
    if places.is_folder(place):
        states.append(state_lib.own_folder(place) / state_lib.FILE)
    elif folder is None:
        raise errors.UserError(
            f"--gallery={place}: what was removed there goes by the server's own "
            "rules. Name the folder of the service's pictures: --state=FOLDER"
        )
    states = [path for path in states if path.exists()]
    if folder is not None:
        path = folder.absolute() / state_lib.FILE
        if not path.exists():
            raise errors.UserError(
                f"--state={folder}: there is no {state_lib.FILE}. Name the folder that "
                "the service has as its --state, or leave the flag out"
            )
        claims.refuse_other_gallery(folder, place)
        if not any(path.samefile(other) for other in states):
            states.append(path)
    with contextlib.ExitStack() as opened:
        held: list[tuple[pathlib.Path, enrolment.Clearable]] = []
        gallery = opened.enter_context(places.open_gallery(place))
        if places.is_folder(place):
            held.append((pathlib.Path(place).absolute() / store_lib.FILE, gallery))
        for path in states:
            kept = state_lib.State(path.parent)
            held.append((path, opened.enter_context(contextlib.closing(kept))))
        left = [path for path, file in held if not file.clear_gaps()]
    if left:
        raise errors.UserError(
            f"{' and '.join(map(str, left))}: another process is reading it, so that "
            "copies of what was removed may be left. End it, then run the command again"
        )
    return [path for path, _ in held]


def _is_below(text: str) -> Callable[[entries.Known], bool]:
    place = image_sources.Below(text)
    return lambda known: place.holds(known.entry_id, known.metadata.get("path"))


def _is_of(person: str) -> Callable[[entries.Known], bool]:
    return lambda known: names.same(known.person_id, person)


def _forget(place: str, gallery: base.BaseGallery, entry_ids: Collection[str]) -> None:
    """Removes what a service keeps of entries within the gallery's own folder.

    Of one that it has enrolled anew since, nothing goes.
    """
    if not places.is_folder(place):
        return
    folder = state_lib.own_folder(place)
    if (folder / state_lib.FILE).exists():
        with contextlib.closing(state_lib.State(folder)) as kept:
            removals.Removals(gallery, kept).forget_gone(entry_ids)
            enrolment.clear_gaps(kept, str(folder))
