"""Image files, folders and CSV lists -> what is to be enrolled."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import posixpath
from collections.abc import Iterator, Sequence

from data_builders import folders
from data_builders.reid_folder import listed_image, listing, reference
from dimn_tf.errors import DataError
from dimn_tf.gallery import names


@dataclasses.dataclass(frozen=True)
class ImageSource:
    """One image to enrol.

    Attributes:
        path: Of the file.
        entry_id: See `entry_id`.
        person_id: The person, where a CSV or a folder of persons tells one.
        camera_id: The camera, likewise.
    """

    path: pathlib.Path
    entry_id: str
    person_id: str | None = None
    camera_id: str | None = None


def expand(
    given: Sequence[str],
    person_folders: bool = False,
    camera_pattern: str = "",
    skipped: list[tuple[str, str]] | None = None,
) -> Iterator[ImageSource]:
    """The images that files, folders and CSV lists stand for.

    Args:
        given: Paths. A folder stands for the image files below it, a CSV (see
            `data_builders.reid_folder`) for those that it lists. A folder that several
            of them, or links, lead to is looked through once.
        person_folders: Whether a folder holds one folder a person.
        camera_pattern: Finds the camera in a file's name; with `person_folders`.
        skipped: Takes (where, reason) of what a list or folder names and cannot be
            used.

    Raises:
        DataError: a folder or CSV that is not there or cannot be used at all. (A
            missing image is found when it is read.)
        UserError: see `reference.check_camera_pattern`.
    """
    reference.check_camera_pattern(camera_pattern, person_folders)
    skipped = [] if skipped is None else skipped
    walked: dict[folders.Identity, str] = {}
    seen: set[ImageSource] = set()
    for text in given:
        found = _expanded(text, person_folders, camera_pattern, skipped, walked)
        for source in found:
            key = dataclasses.replace(source, path=pathlib.Path(source.entry_id))
            if key not in seen:
                seen.add(key)
                yield source


def _expanded(text, person_folders, camera_pattern, skipped, walked):
    """The images of one path; see `expand`."""
    path = pathlib.Path(os.path.expanduser(text))
    faults: list[listed_image.Fault] = []
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError as error:
        raise DataError(
            f"{text[:80]}...: {error.strerror}\n  to do:    correct the path"
        ) from error
    if path.suffix.lower() == ".csv" and not is_folder:
        yield from _listed(reference.FolderReference(path), faults, walked)
        skipped += [(f"{path}, {where}", reason) for where, reason in faults]
    elif is_folder:
        if person_folders:
            named = reference.FolderReference(path, camera_pattern)
            yield from _listed(named, faults, walked)
        else:
            found = folders.files_below(path, walked)
            faults += found.unreadable
            faults += [(name, "a hidden folder") for name in found.hidden]
            faults += [(name, f"the folder {at} again") for name, at in found.again]
            for name in found.names:
                ending = pathlib.PurePosixPath(name).suffix.lower()
                if ending in listed_image.ENDINGS:
                    yield _source(path / name)
        skipped += [((path / name).as_posix(), reason) for name, reason in faults]
    elif is_there or path.suffix.lower() in listed_image.ENDINGS:
        yield _source(path)
    else:
        raise DataError(
            f"{text}: there is no such file or folder\n  to do:    correct the path"
        )


def entry_id(path: str | os.PathLike) -> str:
    """The id of an image's entry: its absolute path, "/" separated.

    It is the same from every working directory and by every link that leads to the
    image's folder; a link to the file itself keeps its own name.
    """
    folder, name = os.path.split(os.path.abspath(path))
    return (pathlib.Path(os.path.realpath(folder)) / name).as_posix()


class Below:
    """The entries that a path stands for: an image's, or all of a folder.

    They are those that enrolment makes of it, which follows links, and those that it
    has made: of images that are gone, and through links that are gone.

    Args:
        text: The path, or an entry's id. It may lead to nothing any more.
    """

    def __init__(self, text: str):
        self._ids = {text, entry_id(text)}
        self._path = pathlib.Path(os.path.abspath(text)).as_posix()
        walked: dict[folders.Identity, str] = {}
        if os.path.isdir(text):
            folders.files_below(text, walked)
        self._folders = {
            pathlib.Path(os.path.realpath(folder)).as_posix()
            for folder in (text, *walked.values())
        }
        self._folders.add(entry_id(text))

    def holds(self, entry_id: str, path: object = None) -> bool:
        """Whether an entry is among them.

        Args:
            entry_id: The entry's.
            path: Where its image was, by its metadata: with the links in it.
        """
        if entry_id in self._ids or not self._folders.isdisjoint(_above(entry_id)):
            return True
        if not isinstance(path, str) or not path:
            return False
        path = pathlib.Path(os.path.abspath(path)).as_posix()
        return path == self._path or self._path in _above(path)


def _above(path: str) -> Iterator[str]:
    """The folders that a path lies in, the nearest first."""
    while (folder := posixpath.dirname(path)) != path:
        yield folder
        path = folder


def _source(path: pathlib.Path, *labels: str | None) -> ImageSource:
    return ImageSource(path, entry_id(path), *labels)


def _listed(named, faults, walked) -> Iterator[ImageSource]:
    listed = listing.read(named, faults, walked, spelt=names.one)
    for image in listed.images:
        path = listed.root / image.file_name
        yield _source(path, image.person, image.camera or None)


def agreed(
    sources: Sequence[ImageSource], skipped: list[tuple[str, str]]
) -> dict[str, ImageSource]:
    """The sources by their ids, each once.

    Args:
        sources: Of `expand`.
        skipped: Takes (entry id, reason) of those whose name is no text (UTF-8), which
            a gallery's ids must be, and of those that are given with several persons
            or cameras.
    """
    labels: dict[str, dict[tuple, ImageSource]] = {}
    for source in sources:
        told = (source.person_id, source.camera_id)
        labels.setdefault(source.entry_id, {}).setdefault(told, source)
    found = {}
    for name, given in labels.items():
        if not listed_image.is_text(name):
            skipped.append((name, "its name is no UTF-8 text: rename it"))
        elif len(given) > 1:
            told = "; ".join(_told(*label) for label in given)
            skipped.append((name, f"it is given more than once, as of {told}"))
        else:
            (found[name],) = given.values()
    return found


def _told(person: str | None, camera: str | None) -> str:
    return f"person {person or 'unknown'}" + (f", camera {camera}" if camera else "")
