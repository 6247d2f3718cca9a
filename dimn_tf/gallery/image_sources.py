"""Image files, folders and CSV lists -> what is to be enrolled."""

from __future__ import annotations

import dataclasses
import io
import os
import pathlib
import warnings
from collections.abc import Iterator, Sequence

import PIL.Image

from data_builders import images
from data_builders.reid_folder import listing, reference
from dimn_tf.errors import DataError
from dimn_tf.export import decoding

LARGEST_BYTES = 64 << 20
"""Largest image file that is read; ours: 64 MiB."""


@dataclasses.dataclass(frozen=True)
class ImageSource:
    """One image to enrol.

    Attributes:
        path: Of the file.
        entry_id: Its absolute path, "/" separated.
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
            `data_builders.reid_folder`) for those that it lists.
        person_folders: Whether a folder holds one folder a person.
        camera_pattern: Finds the camera in a file's name; with `person_folders`.
        skipped: Takes (where, reason) of what a list or folder names and cannot be
            used.

    Raises:
        DataError: a folder or CSV that is not there or cannot be used at all. (A
            missing image is found when it is read.)
    """
    skipped = [] if skipped is None else skipped
    for text in given:
        path = pathlib.Path(text)
        faults: list[listing.Fault] = []
        try:
            is_folder, is_there = path.is_dir(), path.exists()
        except OSError as error:
            raise DataError(
                f"{text[:80]}...: {error.strerror}\n  to do:    correct the path"
            ) from error
        if path.suffix.lower() == ".csv":
            yield from _listed(reference.FolderReference(path), faults)
            skipped += [(f"{path}, {where}", reason) for where, reason in faults]
        elif is_folder:
            if person_folders:
                named = reference.FolderReference(path, camera_pattern)
                yield from _listed(named, faults)
            else:
                for name in listing.files_below(path, faults):
                    if pathlib.PurePosixPath(name).suffix.lower() in listing.ENDINGS:
                        yield _source(path / name)
            skipped += [((path / name).as_posix(), reason) for name, reason in faults]
        elif is_there or path.suffix.lower() in listing.ENDINGS:
            yield _source(path)
        else:
            raise DataError(
                f"{text}: there is no such file or folder\n  to do:    correct the path"
            )


def entry_id(path: str | os.PathLike) -> str:
    """The id of an image's entry: its absolute path, the same from every folder."""
    return pathlib.Path(os.path.abspath(path)).as_posix()


def _source(path: pathlib.Path, *labels: str | None) -> ImageSource:
    return ImageSource(path, entry_id(path), *labels)


def _listed(named: reference.FolderReference, faults) -> Iterator[ImageSource]:
    listed = listing.read(named, faults)
    for image in listed.images:
        path = listed.root / image.file_name
        yield _source(path, image.person, image.camera or None)


def is_named_in_text(source: ImageSource) -> bool:
    """Whether its name is text (UTF-8), which a gallery's ids must be."""
    try:
        source.entry_id.encode()
    except UnicodeEncodeError:
        return False
    return True


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
        _refuse_large(encoded)
        return images.upright_image(encoded, archive=source.path, name="it")
    except OSError as error:
        raise DataError(error.strerror or str(error)) from error
    except DataError as error:
        lines = [x.strip() for x in str(error).splitlines()]
        found = [x.removeprefix("found:").strip() for x in lines if "found:" in x]
        raise DataError(found[0] if found else lines[0]) from error


def _refuse_large(encoded: bytes) -> None:
    """Looks at the header, before anything is decoded."""
    try:
        with warnings.catch_warnings():
            # Our limit lies below the one that PIL warns of.
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(io.BytesIO(encoded)) as image:
                width, height = image.size
    except PIL.Image.DecompressionBombError as error:
        raise DataError(str(error)) from error
    except (OSError, SyntaxError, ValueError):
        return  # What is no image is told by who decodes it.
    if width * height > decoding.LARGEST_PIXELS:
        raise DataError(
            f"{width:,} x {height:,} pixels, more than {decoding.LARGEST_PIXELS:,}"
        )
