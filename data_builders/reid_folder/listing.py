"""What a user's folder or CSV lists, checked as a whole: one error names all faults."""

import collections
import dataclasses
import hashlib
import pathlib
from collections.abc import Callable, Sequence
from typing import NoReturn

from data_builders import folders
from data_builders.reid_folder import csv_list, lookalikes, person_folders, splits
from data_builders.reid_folder.listed_image import (
    ENDINGS,
    NO_CAMERA,
    Fault,
    ListedImage,
)
from data_builders.reid_folder.reference import FolderReference
from dimn_tf import images as images_lib
from dimn_tf.errors import DataError

_FAULTS_SHOWN = 50
_PERSONS_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class Listing:
    """A user's data set before its images are decoded.

    Attributes:
        path: the folder or the CSV.
        root: what file names are relative to.
        images: in the order of the list (sorted for folders).
        passed_over: what was left out on purpose, one line each.
    """

    path: pathlib.Path
    root: pathlib.Path
    images: tuple[ListedImage, ...]
    passed_over: tuple[str, ...] = ()

    @property
    def splits(self) -> list[str]:
        """The splits, sorted."""
        return sorted({image.split for image in self.images})

    @property
    def training_splits(self) -> tuple[str, ...]:
        """See `splits.trained_on`."""
        return splits.trained_on(self.splits)

    def summary(self) -> list[str]:
        """Lines for the user: the first persons, the splits, what was passed over."""
        persons = collections.Counter(image.person for image in self.images)
        cameras = sorted({x.camera for x in self.images if x.camera != NO_CAMERA})
        first = [f"{name} ({n:,})" for name, n in sorted(persons.items())]
        told = f"{len(cameras):,} cameras" if cameras else "no cameras told"
        lines = [
            f"{len(persons):,} persons, {len(self.images):,} images, {told}; persons: "
            + ", ".join(first[:_PERSONS_SHOWN])
            + (", ..." if first[_PERSONS_SHOWN:] else "")
        ]
        counted = collections.Counter(image.split for image in self.images)
        if len(counted) > 1 or splits.PROBE in counted or splits.GALLERY in counted:
            lines += [
                f"split {split}: {n:,} images, {splits.use_of(split, counted)}"
                for split, n in sorted(counted.items())
            ]
        return lines + [f"passed over: {line}" for line in self.passed_over]


class GoneError(DataError):
    """The data set, or images that it lists, are not there, and nothing else is wrong.

    Attributes:
        rows: `rows_digest` of what is listed; empty where nothing can be read.
    """

    rows: str = ""


def read(
    reference: FolderReference,
    skipped: list[Fault] | None = None,
    walked: dict[folders.Identity, str] | None = None,
    spelt: Callable[[str], str] = str,
) -> Listing:
    """Lists a folder or a CSV; decodes nothing.

    Args:
        reference: what to list.
        skipped: takes the faults of single images, which are left out; None: they are
            an error. Without a data set to build, cameras told for some images only
            are no fault.
        walked: see `folders.files_below`.
        spelt: gives the one spelling of a name of a person or camera, for whoever takes
            several for one; left out, each is a name of its own.

    Raises:
        GoneError: it is not there, or files that it lists are not.
        DataError: it lists what cannot be used; every fault is named.
    """
    path = reference.path
    wanted = "a CSV file" if reference.is_csv else "a folder that holds one a person"
    try:
        is_there = path.is_file() if reference.is_csv else path.is_dir()
        found = "something else" if path.exists() else "nothing"
    except OSError as error:
        is_there, found = False, error.strerror or str(error)
    if not is_there:
        kind = GoneError if found == "nothing" else DataError
        raise kind(
            "reid_folder: there is no such data set",
            path=path,
            found=found,
            expected=wanted,
            action="correct the path after `reid_folder:`",
        )
    if reference.is_csv:
        found, root, notes = csv_list.read(path), path.parent, []
    else:
        found, root = person_folders.read(path, reference.camera_pattern, walked), path
        notes = found.notes
    missing = found.missing
    notes = [*_distractors(found.distractors), *notes]
    found.images = [
        dataclasses.replace(x, person=spelt(x.person), camera=spelt(x.camera))
        for x in found.images
    ]
    alike = lookalikes.faults_of(found.images)
    if skipped is not None:
        absent = {place for place, _ in (*missing, *alike)}
        skipped += _by_line([*found.faults, *missing, *alike])
        skipped += notes
        left = tuple(x for x in found.images if x.place not in absent)
        if not left and not skipped:
            raise _nothing(path)
        return Listing(path, root, left)
    faults = [
        *found.faults,
        *alike,
        *_half_named_cameras(found.images),
        *_wrong_splits(found.images),
    ]
    count = len(found.images) + len(found.faults)
    if missing and not faults:
        _refuse_gone(reference, found.images, missing)
    if faults:  # So that one error names the images, too, that the build would.
        absent = {place for place, _ in missing}
        rest = [image for image in found.images if image.place not in absent]
        refuse(path, [*faults, *missing, *unreadable(root, rest)], count)
    if not found.images:
        raise _nothing(path, notes)
    passed_over = tuple(": ".join(note) for note in notes)
    return Listing(path, root, tuple(found.images), passed_over)


def rows_digest(reference: FolderReference, images: Sequence[ListedImage]) -> str:
    """A hash of what is listed, whether or not the files are there."""
    digest = hashlib.sha256(reference.camera_pattern.encode())
    for image in images:
        row = image.file_name, image.person, image.camera, image.split
        digest.update("\0".join(row).encode() + b"\n")
    return digest.hexdigest()


def unreadable(root: pathlib.Path, images: Sequence[ListedImage]) -> list[Fault]:
    """Decodes images; gives those that cannot be.

    Args:
        root: what file names are relative to.
        images: those to look at.
    """
    faults = []
    for image in images:
        try:
            images_lib.read_file(root / image.file_name)
        except images_lib.ImageFault as error:
            faults.append(unreadable_fault(image, error))
    return faults


def unreadable_fault(image: ListedImage, error: images_lib.ImageFault) -> Fault:
    """The fault of an image that cannot be decoded."""
    return image.fault(f"unreadable, {error.reason}")


def refuse(
    path: pathlib.Path,
    faults: Sequence[Fault],
    images: int,
    kind: type[DataError] = DataError,
) -> None:
    """Raises one error that lists all faults; does nothing where there is none.

    Args:
        path: the folder or the CSV.
        faults: those of all images.
        images: images listed, good and bad.
        kind: the error's class.
    """
    if not faults:
        return
    lines = [": ".join(fault) for fault in _by_line(faults)]
    shown = "".join(f"\n    {line}" for line in lines[:_FAULTS_SHOWN])
    more = len(lines) - _FAULTS_SHOWN
    raise kind(
        f"reid_folder: {path.name} lists what cannot be used",
        path=path,
        found=f"{len(lines):,} faults in {images:,} images listed:{shown}"
        + (f"\n    and {more:,} more" if more > 0 else ""),
        expected="images below the folder of the list, each once, each of a person",
        action="mend or remove these lines (or files), then run the command again",
    )


def _refuse_gone(reference, images, missing) -> NoReturn:
    try:
        refuse(reference.path, missing, len(images), GoneError)
    except GoneError as error:
        error.rows = rows_digest(reference, images)
        raise


def _by_line(faults: Sequence[Fault]) -> list[Fault]:
    """Sorted by the line of a CSV; faults of folders stay in their order."""

    def line(fault: Fault) -> int:
        number = fault[0].removeprefix("line ")
        return int(number) if number.isdecimal() else 0

    return sorted(faults, key=line)


def _distractors(counted: dict[str, int]) -> list[Fault]:
    reason = "by convention (-1, 0, 0000) no person; name it otherwise if it is one"
    return [
        (person, f"{n:,} images, {reason}") for person, n in sorted(counted.items())
    ]


def _nothing(path: pathlib.Path, notes: Sequence[Fault] = ()) -> DataError:
    kind = DataError if notes else GoneError
    return kind(
        f"reid_folder: {path.name} lists no image",
        path=path,
        found="; ".join(f"{x} passed over ({why})" for x, why in notes) or "nothing",
        expected=f"files in folders a person, ending in {', '.join(ENDINGS)}, or "
        "lines of a CSV",
        action="correct the path, or add images",
    )


def _half_named_cameras(images: Sequence[ListedImage]) -> list[Fault]:
    """Cameras must be told for all images or for none."""
    without = [image for image in images if image.camera == NO_CAMERA]
    if not without or len(without) == len(images):
        return []
    return [image.fault("empty camera_id") for image in without]


def _wrong_splits(images: Sequence[ListedImage]) -> list[Fault]:
    faults = [(image.place, splits.fault_of(image.split)) for image in images]
    return [(place, fault) for place, fault in faults if fault]
