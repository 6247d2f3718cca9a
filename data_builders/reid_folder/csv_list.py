"""Reads a user's CSV of images: every line is an image, or a fault with its number."""

import codecs
import csv
import dataclasses
import io
import os
import pathlib
import posixpath
from collections.abc import Iterator

from data_builders.reid_folder import conventions, splits
from data_builders.reid_folder.listed_image import (
    DEFAULT_SPLIT,
    Fault,
    ListedImage,
)
from dimn_tf.errors import DataError

_COLUMNS = ("path", "person_id", "camera_id", "split")
_REQUIRED = ("path", "person_id")
_DELIMITERS = (",", ";", "\t")
_LARGEST_BYTES = 1 << 30
_ENCODINGS = {  # by the mark that a file begins with; UTF-8 has one or none
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclasses.dataclass
class CsvList:
    """What a CSV lists.

    Attributes:
        images: in the order of the lines, those without a file among them.
        faults: lines that cannot be used.
        missing: lines whose image has no file; their places are in `images` too.
        distractors: id that stands for no person -> its lines, which are left out.
    """

    images: list[ListedImage] = dataclasses.field(default_factory=list)
    faults: list[Fault] = dataclasses.field(default_factory=list)
    missing: list[Fault] = dataclasses.field(default_factory=list)
    distractors: dict[str, int] = dataclasses.field(default_factory=dict)


def read(path: pathlib.Path) -> CsvList:
    """Reads a CSV: comma, semicolon or tab; UTF-8, or UTF-16 with its mark.

    Args:
        path: the file; images are relative to its folder.

    Raises:
        DataError: it is no such file, or has another header.
    """
    listed, places = CsvList(), {}
    for line, row in _rows(path):
        place = f"line {line}"
        if isinstance(row, str):
            listed.faults.append((place, row))
            continue
        name, fault, is_there = _file(path.parent, row["path"].strip())
        person = row["person_id"].strip()
        word = splits.field_word((row.get("split") or "").strip() or DEFAULT_SPLIT)
        if not fault and not person:
            fault = f"{name}: empty person_id"
        if not fault and name in places:
            fault = f"{name}: listed on {places[name]} already"
        if fault:
            listed.faults.append((place, fault))
            continue
        places[name] = place
        if conventions.is_distractor(person):
            listed.distractors[person] = listed.distractors.get(person, 0) + 1
            continue
        if not is_there:
            listed.missing.append((place, f"{name}: no such file"))
        camera = (row.get("camera_id") or "").strip()
        listed.images.append(ListedImage(place, name, person, camera, word))
    return listed


def _file(root: pathlib.Path, text: str) -> tuple[str, str, bool]:
    """Path from the root, what is wrong with it, and whether there is such a file."""
    if not text:
        return "", "empty path", False
    if "\0" in text:
        return "", f"{text!r}: a path holds no NUL byte", False
    name, fault, is_there = _looked_for(root, text)
    if not is_there and "\\" in text:  # As Windows writes it.
        name, fault, is_there = _looked_for(root, text.replace("\\", "/"))
    return name, fault, is_there


def _looked_for(root: pathlib.Path, text: str) -> tuple[str, str, bool]:
    name = posixpath.normpath(text.replace(os.sep, "/"))
    if posixpath.isabs(name) or name.split("/")[0] == "..":
        return name, f"{text}: outside {root or '.'}; paths are relative to it", False
    try:
        return name, "", (root / name).is_file()
    except OSError as error:  # Too long, or in a folder that may not be entered.
        short = name if len(name) <= 80 else f"{name[:80]}..."
        return name, f"{short}: {error.strerror or error}", False


def _rows(path: pathlib.Path) -> Iterator[tuple[int, dict[str, str] | str]]:
    """(line, row or what is wrong with it); the line is the one that it ends on."""
    text = _text(path)
    first = text.lstrip("\n\r").partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)  # The comma where there is none.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = [cell.strip().casefold() for cell in cells]
                _check_header(path, header)
            elif len(cells) != len(header):
                yield reader.line_num, f"{len(cells)} cells, not {len(header)}"
            else:
                yield reader.line_num, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise _no_csv(path, f"line {reader.line_num}: {error}") from error
    if not header:
        _check_header(path, header)


def _check_header(path: pathlib.Path, header: list[str]) -> None:
    unknown = [name for name in header if name not in _COLUMNS]
    lacking = [name for name in _REQUIRED if name not in header]
    if unknown or lacking or len(set(header)) < len(header):
        shown = ",".join(header)
        shown = shown if shown.isprintable() else repr(shown)
        raise DataError(
            f"reid_folder: {path.name} has another header",
            path=path,
            found=(shown if len(shown) <= 200 else f"{shown[:200]}...")
            or "an empty file",
            expected="path,person_id[,camera_id][,split]",
            action="name the columns so in the first line, each once, and leave others "
            "out",
        )


def _text(path: pathlib.Path) -> str:
    """The file's text.

    Raises:
        DataError: it cannot be read, or is in another encoding.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise _no_csv(path, error.strerror or str(error)) from error
    if len(raw) > _LARGEST_BYTES:
        raise _no_csv(path, f"more than {_LARGEST_BYTES:,} bytes")
    encoding = _ENCODINGS.get(raw[:2], "utf-8-sig")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        where = f"line {line} holds the byte 0x{raw[error.start]:02x}"
        raise _no_csv(path, f"no {error.encoding.upper()} text: {where}") from error


def _no_csv(path: pathlib.Path, found: str) -> DataError:
    return DataError(
        f"reid_folder: {path.name} is no CSV file",
        path=path,
        found=found,
        expected="comma-separated text in UTF-8",
        action="save it so",
    )
