"""One image of a user's own data, as the user lists it."""

import dataclasses

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
"""Endings of the files of a person's folder that are images."""
NO_CAMERA = ""
DEFAULT_SPLIT = "images"

Fault = tuple[str, str]
"""Where (a file below the root, or a line of the CSV) and what is wrong there."""


@dataclasses.dataclass(frozen=True)
class ListedImage:
    """One image as the user lists it.

    Attributes:
        place: where it is listed, for messages, such as "line 7"; in a folder, its
            file name. No two images of a listing have one place.
        file_name: path from the root, "/" separated.
        person: the user's name of the person.
        camera: the user's name of the camera; empty where none is told.
        split: the user's split in the field's words; "images" where none is told.
    """

    place: str
    file_name: str
    person: str
    camera: str = NO_CAMERA
    split: str = DEFAULT_SPLIT

    def fault(self, reason: str) -> Fault:
        """What is wrong with it; its file is named once."""
        if self.place == self.file_name:
            return self.place, reason
        return self.place, f"{self.file_name}: {reason}"


def is_text(name: str) -> bool:
    """Whether a file's name is text (UTF-8), as records and galleries want it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
