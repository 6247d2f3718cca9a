"""How a user's own data set is named: `reid_folder:PATH[?camera=PATTERN]`."""

import dataclasses
import pathlib
import re

from dimn_tf.errors import DataError

NAME = "reid_folder"
_CAMERA_OPTION = "?camera="


@dataclasses.dataclass(frozen=True)
class FolderReference:
    """Where a user's own data set lies, and how it names its cameras.

    Attributes:
        path: a CSV file, or a folder that holds one folder a person.
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


def parse(text: str) -> FolderReference:
    """Reads what follows `reid_folder:`.

    Args:
        text: a path, or a path and `?camera=PATTERN`.

    Raises:
        DataError: no path, or a pattern that is none, has no group, or is given with
            a CSV (which has a column for cameras).
    """
    path, given, pattern = text.partition(_CAMERA_OPTION)
    reference = FolderReference(pathlib.Path(path).expanduser(), pattern)
    if not path:
        raise _wrong(text, "no path", f"{NAME}:FOLDER or {NAME}:FILE.csv")
    if not given:
        return reference
    if reference.is_csv:
        raise _wrong(
            text, "a camera pattern and a CSV", "cameras in the CSV's column camera_id"
        )
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise _wrong(
            text, f"{pattern!r}: {error}", "a regular expression (Python's)"
        ) from error
    if not groups:
        raise _wrong(
            text,
            f"{pattern!r}, which has no group",
            r"a group round the camera, such as ^(\d+)_ for names like 01_2.png",
        )
    return reference


def _wrong(text: str, found: str, expected: str) -> DataError:
    return DataError(
        f"{NAME}:{text} names no data set\n"
        f"  found:    {found}\n"
        f"  expected: {expected}\n"
        "  to do:    correct the name"
    )
