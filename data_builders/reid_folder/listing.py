"""What a user's folder or CSV lists, checked as a whole: one error names all faults."""

import csv
import dataclasses
import os
import pathlib
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence

from data_builders import archives
from data_builders.images import upright_image
from data_builders.reid_folder.reference import FolderReference
from dimn_tf.errors import DataError

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
"""Endings of the files of a person's folder that are images."""
NO_CAMERA = ""
DEFAULT_SPLIT = "images"

_COLUMNS = ("path", "person_id", "camera_id", "split")
_REQUIRED = ("path", "person_id")
_FAULTS_SHOWN = 50


@dataclasses.dataclass(frozen=True)
class ListedImage:
    """One image as the user lists it.

    Attributes:
        place: where it is listed, for messages, such as "line 7".
        file_name: path from the root, "/" separated.
        person: the user's name of the person.
        camera: the user's name of the camera; empty where none is told.
        split: the user's split; "images" where none is told.
    """

    place: str
    file_name: str
    person: str
    camera: str = NO_CAMERA
    split: str = DEFAULT_SPLIT


@dataclasses.dataclass(frozen=True)
class Listing:
    """A user's data set before its images are decoded.

    Attributes:
        path: the folder or the CSV.
        root: what file names are relative to.
        images: in the order of the list (sorted for folders).
    """

    path: pathlib.Path
    root: pathlib.Path
    images: tuple[ListedImage, ...]


Fault = tuple[str, str]
"""Where (a file below the root, or a line of the CSV) and what is wrong there."""


def read(reference: FolderReference, skipped: list[Fault] | None = None) -> Listing:
    """Lists a folder or a CSV; decodes nothing.

    Args:
        reference: what to list.
        skipped: takes the faults of single images, which are left out; None: they are
            an error. Without a data set to build, cameras told for some images only,
            and any split, are no fault.

    Raises:
        DataError: it is not there, or lists what cannot be used; every fault is named.
    """
    path = reference.path
    wanted = "a CSV file" if reference.is_csv else "a folder that holds one a person"
    if not (path.is_file() if reference.is_csv else path.is_dir()):
        raise DataError(
            "reid_folder: there is no such data set",
            path=path,
            found="nothing" if not path.exists() else "something else",
            expected=wanted,
            action="correct the path after `reid_folder:`",
        )
    faults: list[Fault] = [] if skipped is None else skipped
    if reference.is_csv:
        images, root = _read_csv(path, faults), path.parent
    else:
        images, root = _read_folder(path, reference.camera_pattern, faults), path
    count = len(images) + len(faults)
    if skipped is None:
        faults += _half_named_cameras(images) + _wrong_splits(images)
        if faults:  # So that one error names the images, too, that the build would.
            faults += unreadable(path, root, images)
            faults.sort(key=_line)
        refuse(path, [": ".join(fault) for fault in faults], count)
    if not count:
        raise _nothing(path)
    return Listing(path, root, tuple(images))


def unreadable(
    path: pathlib.Path,
    root: pathlib.Path,
    images: Sequence[ListedImage],
    step: Callable[[], None] = lambda: None,
) -> list[Fault]:
    """Decodes every image once; gives those that cannot be.

    Args:
        path: the folder or the CSV, for errors.
        root: what file names are relative to.
        images: those to look at.
        step: called after each.
    """
    faults = []
    for image in images:
        try:
            decoded_bytes(path, root, image.file_name)
        except (DataError, OSError) as error:
            lines = [x.strip() for x in str(error).splitlines()]
            said = [x.removeprefix("found:").strip() for x in lines if "found:" in x]
            reason = f"{image.file_name}: unreadable, {said[0] if said else lines[0]}"
            faults.append((image.place, reason))
        step()
    return faults


def decoded_bytes(path: pathlib.Path, root: pathlib.Path, file_name: str) -> bytes:
    """The image as records hold it: checked, and turned as its EXIF says."""
    encoded = (root / file_name).read_bytes()
    return upright_image(encoded, archive=path, name=file_name)


def _line(fault: Fault) -> int:
    """For sorting: the line of a CSV; faults of folders stay in their order."""
    number = fault[0].removeprefix("line ")
    return int(number) if number.isdecimal() else 0


def refuse(path: pathlib.Path, faults: Sequence[str], images: int) -> None:
    """Raises one error that lists all faults; does nothing where there is none.

    Args:
        path: the folder or the CSV.
        faults: one line each.
        images: images listed, good and bad.
    """
    if not faults:
        return
    shown = "".join(f"\n    {fault}" for fault in faults[:_FAULTS_SHOWN])
    more = len(faults) - _FAULTS_SHOWN
    raise DataError(
        f"reid_folder: {path.name} lists what cannot be used",
        path=path,
        found=f"{len(faults):,} faults in {images:,} images listed:{shown}"
        + (f"\n    and {more:,} more" if more > 0 else ""),
        expected="images below the folder of the list, each once, each of a person",
        action="mend or remove these lines (or files), then run the command again",
    )


def _read_csv(path: pathlib.Path, faults: list[Fault]) -> list[ListedImage]:
    root = path.parent
    images, places = [], {}
    for line, row in _rows(path):
        place = f"line {line}"
        if isinstance(row, str):
            faults.append((place, row))
            continue
        name = posixpath.normpath(row["path"].strip().replace(os.sep, "/"))
        person = row["person_id"].strip()
        fault = None
        if not row["path"].strip():
            fault = "empty path"
        elif posixpath.isabs(name) or name.split("/")[0] == "..":
            fault = f"{row['path']}: outside {root or '.'}; paths are relative to it"
        elif not person:
            fault = f"{name}: empty person_id"
        elif name in places:
            fault = f"{name}: listed on {places[name]} already"
        elif not (root / name).is_file():
            fault = f"{name}: no such file"
        if fault:
            faults.append((place, fault))
            continue
        places[name] = place
        camera = (row.get("camera_id") or "").strip()
        split = (row.get("split") or "").strip() or DEFAULT_SPLIT
        images.append(ListedImage(place, name, person, camera, split))
    return images


def _rows(path: pathlib.Path) -> Iterator[tuple[int, dict[str, str] | str]]:
    """(line, row or what is wrong with it); the line is the one that it ends on."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            header = reader.fieldnames or []
            unknown = [name for name in header if name not in _COLUMNS]
            lacking = [name for name in _REQUIRED if name not in header]
            if unknown or lacking or len(set(header)) < len(header):
                raise DataError(
                    f"reid_folder: {path.name} has another header",
                    path=path,
                    found=",".join(header) or "an empty file",
                    expected="path,person_id[,camera_id][,split]",
                    action="name the columns so in the first line, leave others out",
                )
            for row in reader:
                if None in row or None in row.values():
                    cells = sum(value is not None for value in row.values())
                    cells += len(row.get(None, ()))
                    yield reader.line_num, f"{cells} cells, not {len(header)}"
                    continue
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"reid_folder: {path.name} is no CSV file",
            path=path,
            found=f"{type(error).__name__}: {error}",
            expected="comma-separated text in UTF-8",
            action="save it so",
        ) from error


def _read_folder(
    root: pathlib.Path, camera_pattern: str, faults: list[Fault]
) -> list[ListedImage]:
    pattern = re.compile(camera_pattern) if camera_pattern else None
    images = []
    for name in files_below(root, faults):
        person, _, rest = name.partition("/")
        ending = posixpath.splitext(name)[1].lower()
        if not rest:
            if ending in ENDINGS:
                faults.append((name, "an image outside a person's folder"))
            continue
        if ending not in ENDINGS:
            faults.append((name, f"no image by its ending ({', '.join(ENDINGS)})"))
            continue
        camera = NO_CAMERA
        if pattern:
            match = pattern.search(posixpath.splitext(posixpath.basename(name))[0])
            if match is None:
                faults.append((name, f"{camera_pattern!r} finds no camera in the name"))
                continue
            named = "camera" if "camera" in pattern.groupindex else 1
            camera = match[named] or ""
        images.append(ListedImage("file", name, person, camera))
    return images


def files_below(root: pathlib.Path, faults: list[Fault]) -> list[str]:
    """Files below a folder, sorted; a link that leads back up is not followed.

    Args:
        root: the folder.
        faults: takes folders that cannot be read.
    """
    names, open_folders = [], set()

    def walk(folder: pathlib.Path) -> None:
        try:
            real = folder.resolve()
            if real in open_folders:
                return
            entries = sorted(folder.iterdir())
        except OSError as error:
            where = folder.relative_to(root).as_posix()
            faults.append((where, error.strerror or str(error)))
            return
        open_folders.add(real)
        for entry in entries:
            relative = entry.relative_to(root).as_posix()
            if entry.is_dir():
                walk(entry)
            elif not archives.is_system_file(relative):
                names.append(relative)
        open_folders.remove(real)

    walk(root)
    return names


def _nothing(path: pathlib.Path) -> DataError:
    return DataError(
        f"reid_folder: {path.name} lists no image",
        path=path,
        found="nothing",
        expected=f"files in folders a person, ending in {', '.join(ENDINGS)}, or "
        "lines of a CSV",
        action="correct the path, or add images",
    )


def _half_named_cameras(images: Sequence[ListedImage]) -> list[Fault]:
    """Cameras must be told for all images or for none."""
    without = [image for image in images if image.camera == NO_CAMERA]
    if not without or len(without) == len(images):
        return []
    return [(x.place, f"{x.file_name}: empty camera_id") for x in without]


def _wrong_splits(images: Sequence[ListedImage]) -> list[Fault]:
    """TFDS names splits by words, and keeps one of them to itself."""
    return [
        (x.place, f"split {x.split!r}: a word is expected, other than `all`")
        for x in images
        if not re.fullmatch(r"[A-Za-z]\w*", x.split) or x.split == "all"
    ]
