"""The one walk through a folder: of builders, a user's own data and the gallery."""

import dataclasses
import os

SYSTEM_FILES = ("Thumbs.db", "ehthumbs.db", ".DS_Store", "desktop.ini")
"""What operating systems leave in folders, in whatever case; no data set means them."""
_SYSTEM_FILES = frozenset(name.casefold() for name in SYSTEM_FILES)
_SYSTEM_FOLDERS = ("__MACOSX", "@eaDir")

Identity = tuple[int, int]
"""Device and number of a folder: the same under each of its names."""


@dataclasses.dataclass
class Found:
    """What lies below a folder.

    Attributes:
        names: files, as sorted paths from the folder, "/" separated; files of the
            operating system are left out.
        hidden: folders that were passed over since their names begin with a dot.
        again: (folder, name under which it was walked already).
        unreadable: (folder, why it cannot be listed).
    """

    names: list[str] = dataclasses.field(default_factory=list)
    hidden: list[str] = dataclasses.field(default_factory=list)
    again: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    unreadable: list[tuple[str, str]] = dataclasses.field(default_factory=list)


def is_system_file(name: str) -> bool:
    """Whether an operating system left this file ("/" separated) in a folder."""
    parts = name.split("/")
    return (
        parts[-1].casefold() in _SYSTEM_FILES
        or parts[-1].startswith("._")
        or any(part in _SYSTEM_FOLDERS for part in parts)
    )


def files_below(
    root: str | os.PathLike, walked: dict[Identity, str] | None = None
) -> Found:
    """Lists the files below a folder; links to folders are followed.

    Each folder is walked once, whatever number of names and links lead to it, so that
    links in a circle end. Of its names, one without a link is taken where there is one.

    Args:
        root: the folder.
        walked: folders that were walked before, by identity, under an absolute name
            each; those that are walked now are added.

    Returns:
        What was found; a root that cannot be listed is unreadable under the name "".
    """
    walked = {} if walked is None else walked
    found = Found()
    waiting = [""]
    while waiting:
        links: list[str] = []
        for name in waiting:
            _walk(os.fspath(root), name, walked, found, links)
        waiting = sorted(links)
    found.names.sort()
    return found


def _walk(root: str, top: str, walked, found: Found, links: list[str]) -> None:
    """Walks one folder and those below it, but those behind links."""
    folders = [top]
    while folders:
        name = folders.pop()
        path = os.path.join(root, name)
        try:
            state = os.stat(path)
            identity = state.st_dev, state.st_ino
            if identity in walked:
                found.again.append((name, walked[identity]))
                continue
            with os.scandir(path) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            found.unreadable.append((name, error.strerror or str(error)))
            continue
        walked[identity] = os.path.abspath(path)
        for entry in entries:
            relative = f"{name}/{entry.name}" if name else entry.name
            if is_system_file(relative):
                continue
            if not _is_folder(entry):
                found.names.append(relative)
            elif entry.name.startswith("."):
                found.hidden.append(relative)
            elif entry.is_symlink():
                links.append(relative)
            else:
                folders.append(relative)


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # A circle of links, say: who opens it is told.
        return False
