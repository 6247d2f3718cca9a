"""Reads a user's folder that holds one folder a person."""

import dataclasses
import pathlib
import posixpath
import re

from data_builders import folders
from data_builders.reid_folder import conventions
from data_builders.reid_folder.listed_image import (
    ENDINGS,
    NO_CAMERA,
    Fault,
    ListedImage,
    is_text,
)


@dataclasses.dataclass
class PersonFolders:
    """What a folder holds.

    Attributes:
        images: sorted by name, those without a file among them.
        faults: files and folders that cannot be used.
        missing: images without a file, links to nothing; they are in `images` too.
        distractors: folder that stands for no person -> its images, left out.
        notes: (folder, why it was passed over).
    """

    images: list[ListedImage] = dataclasses.field(default_factory=list)
    faults: list[Fault] = dataclasses.field(default_factory=list)
    missing: list[Fault] = dataclasses.field(default_factory=list)
    distractors: dict[str, int] = dataclasses.field(default_factory=dict)
    notes: list[Fault] = dataclasses.field(default_factory=list)


def read(
    root: pathlib.Path,
    camera_pattern: str,
    walked: dict[folders.Identity, str] | None = None,
) -> PersonFolders:
    """Lists the images of a folder a person.

    Args:
        root: the folder.
        camera_pattern: see `FolderReference`; empty for none.
        walked: see `folders.files_below`.

    Raises:
        DataError: its folders are no persons; see `conventions`.
    """
    found, listed = folders.files_below(root, walked), PersonFolders()
    pattern = re.compile(camera_pattern) if camera_pattern else None
    listed.faults += [(name or ".", reason) for name, reason in found.unreadable]
    listed.notes += [(name, "a hidden folder") for name in found.hidden]
    listed.notes += [(name, f"the folder {at} again") for name, at in found.again]
    is_image = {
        name: posixpath.splitext(name)[1].lower() in ENDINGS for name in found.names
    }
    conventions.refuse_other_trees(
        root, [name for name in found.names if is_image[name]]
    )
    for name in found.names:
        person, _, rest = name.partition("/")
        if not rest:
            if is_image[name]:
                listed.faults.append((name, "an image outside a person's folder"))
        elif not is_image[name]:
            reason = f"no image by its ending ({', '.join(ENDINGS)})"
            listed.faults.append((name, reason))
        elif conventions.is_distractor(person):
            listed.distractors[person] = listed.distractors.get(person, 0) + 1
        elif not is_text(name):
            listed.faults.append((name, "its name is no UTF-8 text: rename it"))
        else:
            camera = _camera(pattern, name)
            is_there, fault = _looked_for(root / name)
            if camera is None:
                fault = f"{camera_pattern!r} finds no camera in the name"
            if fault:
                listed.faults.append((name, fault))
                continue
            if not is_there:
                listed.missing.append((name, "no such file, a link to nothing"))
            listed.images.append(ListedImage(name, name, person, camera))
    return listed


def _looked_for(path: pathlib.Path) -> tuple[bool, str]:
    """Whether there is such a file, and what keeps that from being told."""
    try:
        return path.is_file(), ""
    except OSError as error:  # It links into a folder that may not be entered.
        return False, error.strerror or str(error)


def _camera(pattern: re.Pattern | None, name: str) -> str | None:
    """The camera that a name tells; None where it tells none though it should."""
    if pattern is None:
        return NO_CAMERA
    match = pattern.search(posixpath.splitext(posixpath.basename(name))[0])
    if match is None:
        return None
    return match["camera" if "camera" in pattern.groupindex else 1] or None
