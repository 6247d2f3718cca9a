"""What an archive held when it was built, for when it is asked for again."""

import hashlib
import os
import pathlib
import zipfile
from collections.abc import Iterable

from data_builders import archive_faults, archive_kinds, folders

_LISTED, _SIZE = "listed", "size"  # what a digest is of


def digest(path: pathlib.Path) -> str | None:
    """A digest of what an archive holds that costs no reading of it.

    It is of the names and sizes of the files in a folder or a zip file, whatever
    folders lead to all of them: packed and unpacked they are alike. A tar file lists
    nothing without being read: its own size stands for it.

    Args:
        path: an archive file or an extracted folder.

    Returns:
        The digest, led by what it is of; None where the archive cannot be listed.
    """
    try:
        if path.is_dir():
            return f"{_LISTED}:{_hash(_of_folder(path))}"
        if archive_kinds.is_zip(path):
            return f"{_LISTED}:{_hash(_of_zip(path))}"
        return f"{_SIZE}:{path.stat().st_size}"
    except archive_faults.READ_FAULTS:
        return None


def has_changed(path: pathlib.Path, noted: object) -> bool:
    """Whether an archive certainly holds something else than it did.

    Args:
        path: the archive, as it is now.
        noted: what `digest` gave then; anything else, as of older versions, tells
            nothing.
    """
    if not isinstance(noted, str):
        return False
    now = digest(path)
    if now is None or now.partition(":")[0] != noted.partition(":")[0]:
        return False
    return now != noted


def _of_folder(path: pathlib.Path) -> list[tuple[str, int]]:
    names = folders.files_below(path).names
    return [(name, os.stat(path / name).st_size) for name in names]


def _of_zip(path: pathlib.Path) -> list[tuple[str, int]]:
    with zipfile.ZipFile(path) as file:
        listed = [(info.filename, info.file_size) for info in file.infolist()]
    named = [(n.replace("\\", "/").removeprefix("./"), size) for n, size in listed]
    return [(name, size) for name, size in named if _counts(name)]


def _counts(name: str) -> bool:
    """Whether `folders.files_below` would list it."""
    *above, last = name.split("/")
    is_hidden = any(part.startswith(".") for part in above)
    return bool(last) and not is_hidden and not folders.is_system_file(name)


def _hash(listed: Iterable[tuple[str, int]]) -> str:
    listed = sorted(listed)
    # Of the first and the last in order, the common beginning is that of all.
    ends = [name.split("/")[:-1] for name, _ in (*listed[:1], *listed[-1:])]
    leading = sum(len(part) + 1 for part in os.path.commonprefix(ends))
    lines = (f"{size} {name[leading:]}\n" for name, size in listed)
    text = "".join(lines).encode(errors="surrogateescape")
    return hashlib.sha256(text).hexdigest()
