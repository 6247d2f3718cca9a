"""Image files, folders and CSV lists -> what is to be enrolled."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Sequence

from data_builders import images
from data_builders.errors import DataError
from data_builders.reid_folder import listing, reference

LARGEST_BYTES = 64 << 20
"""Largest image file that is read; ours: 64 MiB."""


@dataclasses.dataclass(frozen=True)
class ImageSource:
    """One image to enrol.

    Attributes:
        path: Of the file.
        entry_id: Its path as given, "/" separated.
        person_id: The person, where a CSV or a folder of persons tells one.
        camera_id: The camera, likewise.
    """

    path: pathlib.Path
    entry_id: str
    person_id: str | None = None
    camera_id: str | None = None


def expand(
    given: Sequence[str], person_folders: bool = False, camera_pattern: str = ""
) -> Iterator[ImageSource]:
    """The images that files, folders and CSV lists stand for.

    Args:
        given: Paths. A folder stands for the image files below it, a CSV (see
            `data_builders.reid_folder`) for those that it lists.
        person_folders: Whether a folder holds one folder a person.
        camera_pattern: Finds the camera in a file's name; with `person_folders`.

    Raises:
        DataError: a folder or CSV that is not there or cannot be used. (A missing
            image is found when it is read.)
    """
    for text in given:
        path = pathlib.Path(text)
        if path.suffix.lower() == ".csv":
            yield from _listed(reference.FolderReference(path))
        elif path.is_dir() and person_folders:
            yield from _listed(reference.FolderReference(path, camera_pattern))
        elif path.is_dir():
            for name in listing.files_below(path):
                if pathlib.PurePosixPath(name).suffix.lower() in listing.ENDINGS:
                    yield ImageSource(path / name, (path / name).as_posix())
        elif path.exists() or path.suffix.lower() in listing.ENDINGS:
            yield ImageSource(path, path.as_posix())
        else:
            raise DataError(
                f"{text}: there is no such file or folder\n  to do:    correct the path"
            )


def _listed(named: reference.FolderReference) -> Iterator[ImageSource]:
    listed = listing.read(named)
    for image in listed.images:
        path = listed.root / image.file_name
        yield ImageSource(path, path.as_posix(), image.person, image.camera or None)


def read(source: ImageSource) -> bytes:
    """The image as the signatures take it, turned as its EXIF says.

    Raises:
        DataError: it cannot be read whole, in one line.
    """
    try:
        size = os.stat(source.path).st_size
        if size > LARGEST_BYTES:
            raise DataError(f"{size:,} bytes, more than {LARGEST_BYTES:,}")
        if not size:
            raise DataError("an empty file")
        encoded = source.path.read_bytes()
        return images.upright_image(encoded, archive=source.path, name="it")
    except OSError as error:
        raise DataError(error.strerror or str(error)) from error
    except DataError as error:
        lines = [x.strip() for x in str(error).splitlines()]
        found = [x.removeprefix("found:").strip() for x in lines if "found:" in x]
        raise DataError(found[0] if found else lines[0]) from error
