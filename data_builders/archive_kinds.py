"""What kind of file an archive is, by its first bytes."""

import pathlib

WEB_PAGE = "a web page"
_HEAD = 512  # bytes of a file that tell its kind
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")  # as tar files are
_USTAR = 257  # where a plain tar file says so
_OTHERS = {b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive", b"Rar!": "a RAR archive"}


def is_zip(path: pathlib.Path) -> bool:
    """Whether an archive file is to be read as a zip file, and not as a tar file.

    Its name tells where its bytes do not: damaged ones, or such with a preamble.
    """
    head = _head(path)
    found = head.startswith(_ZIP)
    is_tar = head.startswith(_COMPRESSED) or head[_USTAR:].startswith(b"ustar")
    return path.name.lower().endswith(".zip") if found == is_tar else found


def other_kind(path: pathlib.Path) -> str:
    """What a file is that is called an archive; empty where its bytes do not tell."""
    head = _head(path)
    if head.lstrip()[:14].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return WEB_PAGE
    kinds = [kind for start, kind in _OTHERS.items() if head.startswith(start)]
    return kinds[0] if kinds else ""


def _head(path: pathlib.Path) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b""
