"""How a user's own data set is named: `reid_folder:PATH[?camera=PATTERN]`."""

import dataclasses
import os
import pathlib
import re

from dimn_tf.errors import DataError, UserError

NAME = "reid_folder"
_CAMERA_OPTION = "?camera="
_PATTERN = (
    "a regular expression (Python's) with a group round the camera, such as "
    r"^(\d+)_ for names like 01_2.png"
)


@dataclasses.dataclass(frozen=True)
class FolderReference:
    """Where a user's own data set lies, and how it names its cameras.

    Attributes:
        path: a CSV file, or a folder that holds one folder a person; absolute where a
            reference was parsed.
        camera_pattern: regular expression that is searched in a file's name without
            its ending; its group `camera`, or else its first group, is the camera.
            Empty: the names tell no cameras. For folders only.
    """

    path: pathlib.Path
    camera_pattern: str = ""

    @property
    def is_csv(self) -> bool:
        """Whether a CSV file lists the images."""
        return self.path.suffix.lower() == ".csv"

    @property
    def full_name(self) -> str:
        """What names it, from every folder where the path is absolute."""
        option = f"{_CAMERA_OPTION}{self.camera_pattern}" if self.camera_pattern else ""
        return f"{NAME}:{self.path}{option}"


def parse(text: str) -> FolderReference:
    """Reads what follows `reid_folder:`.

    Args:
        text: a path, or a path and `?camera=PATTERN`.

    Raises:
        DataError: no path, or a pattern that is none, has no group, or is given with
            a CSV (which has a column for cameras).
    """
    path, given, pattern = text.partition(_CAMERA_OPTION)
    if not path.strip():
        raise _wrong(text, "no path", f"{NAME}:FOLDER or {NAME}:FILE.csv")
    if "\0" in path:
        raise _wrong(repr(text), "a path with a NUL byte", "the path of a folder")
    # Absolute: one place has one name, whatever folder it is named from.
    place = pathlib.Path(os.path.abspath(os.path.expanduser(path)))
    reference = FolderReference(place, pattern)
    if not given:
        return reference
    if reference.is_csv:
        raise _wrong(
            text, "a camera pattern and a CSV", "cameras in the CSV's column camera_id"
        )
    fault = pattern_fault(pattern)
    if fault:
        raise _wrong(text, fault, _PATTERN)
    return reference


def pattern_fault(pattern: str) -> str:
    """What is wrong with a camera pattern; empty where nothing is."""
    try:
        compiled = re.compile(pattern)
    # Of patterns that are too deep or repeat too often, `re` raises these.
    except (re.error, RecursionError, OverflowError) as error:
        return f"{pattern!r}, which is no regular expression: {error}"
    if not compiled.groups:
        return f"{pattern!r}, which has no group"
    return ""


def check_camera_pattern(pattern: str, person_folders: bool) -> None:
    """Checks `--camera_pattern` before any image is looked for.

    Args:
        pattern: the flag's value; empty where it is not given.
        person_folders: whether `--person_folders` is given, which it goes with.

    Raises:
        UserError: it is no pattern, has no group, or goes with nothing.
    """
    if not pattern:
        return
    fault = pattern_fault(pattern)
    if fault:
        raise UserError(f"--camera_pattern={fault}; expected {_PATTERN}")
    if not person_folders:
        raise UserError(
            f"--camera_pattern={pattern!r} without --person_folders: it is for folders "
            "of persons alone. Give --person_folders as well, or leave the pattern out "
            "(a CSV names cameras in its column camera_id)"
        )


def _wrong(text: str, found: str, expected: str) -> DataError:
    return DataError(
        f"{NAME}:{text} names no data set\n"
        f"  found:    {found}\n"
        f"  expected: {expected}\n"
        "  to do:    correct the name"
    )
