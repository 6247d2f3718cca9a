"""The CSV files of the split: which image is of which class, and of which split."""

import csv
import dataclasses
import io
import pathlib
import re

from data_builders.archives import Archive, open_archive
from data_builders.mini_imagenet.classes import CLASSES, SPLIT_OF
from data_builders.mini_imagenet.facts import LISTS_PATTERN
from dimn_tf.errors import DataError

FILES = {f"{split}.csv": split for split in CLASSES}
"""Name of a CSV file -> its split."""
COLUMNS = ("filename", "label")
_LARGEST = 64 << 20  # bytes of a CSV file; the largest of the full set has 1.2 MB
_ORIGINAL = "Ravi and Larochelle's train.csv, val.csv and test.csv"


@dataclasses.dataclass
class Lists:
    """What the CSV files say.

    Attributes:
        place: what holds them.
        rows: (class, file name without folders and ending) -> split.
        classes: file name without folders and ending -> classes that list it.
        splits: those whose CSV file is there.
    """

    place: pathlib.Path
    rows: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    classes: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    splits: list[str] = dataclasses.field(default_factory=list)


def read(archive: Archive) -> Lists | None:
    """Reads the CSV files that are in an archive, or beside it.

    Args:
        archive: the opened archive of the images.

    Returns:
        What they say; None where there are none.

    Raises:
        DataError: there are several sets of them, or one is not Ravi and Larochelle's.
    """
    place, files = _source(archive)
    if not files:
        return None
    lists = Lists(place)
    listed: dict[str, str] = {}
    for file, split in FILES.items():
        if file in files:
            lists.splits.append(split)
            _add(lists, listed, split, *files[file])
    return lists


def is_list(name: str) -> bool:
    """Whether a file is called as one of the CSV files are."""
    return name.rpartition("/")[2] in FILES


def plain(name: str) -> str:
    """A file's name without folders and ending: what rows and files are joined by."""
    return pathlib.PurePosixPath(name.replace("\\", "/")).stem


def _source(archive: Archive) -> tuple[pathlib.Path, dict[str, tuple[str, bytes]]]:
    """Where the CSV files are, and which: file -> (its name there, its content)."""
    if files := _of_archive(archive):
        return archive.path, files
    for folder in (archive.path, archive.path.parent):
        found = _beside(folder)
        if len(found) > 1:
            raise DataError(
                "mini_imagenet: CSV files of the split in more than one place",
                path=folder,
                found=" and ".join(path.name for path, _ in found),
                expected="one of them",
                action="move all but one elsewhere",
            )
        if found:
            return found[0]
    return archive.path, {}


def _of_archive(archive: Archive) -> dict[str, tuple[str, bytes]]:
    if not any(is_list(name) for name in archive.names):
        return {}
    root = archive.root(FILES)
    there = [name for name in FILES if root + name in archive.names]
    return {n: (root + n, archive.read(root + n, largest=_LARGEST)) for n in there}


def _beside(folder: pathlib.Path) -> list[tuple[pathlib.Path, dict]]:
    """What holds CSV files in a folder: archives, folders, itself."""
    if not folder.is_dir():
        return []
    pattern = re.compile(LISTS_PATTERN, re.IGNORECASE)
    found = []
    for path in sorted(folder.iterdir()):
        if pattern.fullmatch(path.name):
            with open_archive(path) as archive:
                found.append((path, _of_archive(archive)))
    open_files = [folder / name for name in FILES if (folder / name).is_file()]
    found.append((folder, {p.name: (p.name, p.read_bytes()) for p in open_files}))
    return [(path, files) for path, files in found if files]


def _add(
    lists: Lists, listed: dict[str, str], split: str, name: str, content: bytes
) -> None:
    """Adds the rows of a CSV file.

    Args:
        lists: what is added to.
        listed: file name as a row gives it -> where; added to.
        split: the CSV file's split.
        name: the CSV file.
        content: its bytes.
    """
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _fault(lists, name, f"not text in rows ({error})") from error
    header = tuple(cell.strip().lower() for cell in rows[0]) if rows else ()
    if not {*COLUMNS} <= {*header}:
        raise _fault(lists, name, f"the columns {', '.join(header) or 'none'}")
    places = [header.index(column) for column in COLUMNS]
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        where = f"{name}, row {number}"
        if len(row) <= max(places):
            raise _fault(lists, where, f"{len(row)} of {len(header)} columns")
        file, label = (row[place].strip() for place in places)
        if SPLIT_OF.get(label) != split:
            of = SPLIT_OF.get(label)
            what = f"a class of {of}" if of else "none of the 100 classes"
            raise _fault(lists, where, f"{file} of {label!r}, which is {what}")
        if file in listed or (label, plain(file)) in lists.rows:
            first = listed.get(file, "a row before it")
            raise _fault(lists, where, f"{file}, which {first} has too")
        listed[file] = where
        lists.rows[label, plain(file)] = split
        lists.classes.setdefault(plain(file), []).append(label)


def _fault(lists: Lists, where: str, found: str) -> DataError:
    return DataError(
        f"mini_imagenet: {where} does not fit",
        path=lists.place,
        found=found,
        expected=f"{_ORIGINAL}: rows of {', '.join(COLUMNS)}, each image once, each "
        "class in its split (64, 16, 20; Vinyals et al. have others)",
        action="put the original CSV files there",
    )
