"""The command line with its flag files read, and where each of its words stands.

absl reads flag files too, but forgets the line that a flag came from, takes files that
are no text, and passes over a circle of them.
"""

from __future__ import annotations

import dataclasses
import io
import os
import re
from collections.abc import Iterator, Sequence

from dimn_tf import errors
from experiments import path_flags

_FLAG = "flagfile"
_LARGEST = 1 << 20  # Bytes; flag files are some kB.
_WIDE = (b"\xff\xfe", b"\xfe\xff")


@dataclasses.dataclass(frozen=True)
class Word:
    """A word of the command line.

    Attributes:
        text: As it is.
        where: `FILE, line N` of a flag file; empty on the command line itself.
    """

    text: str
    where: str = ""


def expand(arguments: Sequence[str]) -> list[Word]:
    """The arguments, with each `--flagfile=FILE` replaced by what the file holds.

    A file holds one flag a line, `--name=value`; empty lines and those that begin with
    `#` or `//` are passed over; a note after a value is refused. It is UTF-8 (or
    UTF-16 with its mark), its lines end anyhow, and it may name further ones.

    Args:
        arguments: Without the command's name.

    Raises:
        errors.UserError: a file that is missing, no text, no flag file or named by
            itself; with the place where it is named.
    """
    return list(_expand([Word(text) for text in arguments], ()))


def _expand(words: Sequence[Word], opened: tuple[str, ...]) -> Iterator[Word]:
    waiting = iter(words)
    for word in waiting:
        if word.text == "--":
            yield word
            yield from waiting
            return
        name, given, value = word.text.partition("=")
        if name not in (f"--{_FLAG}", f"-{_FLAG}"):
            yield word
            continue
        if not given:
            following = next(waiting, None)
            if following is None:
                raise _error(word, "--flagfile", "expected a file's name after it")
            value = following.text
        yield from _read(word, value, opened)


def _read(word: Word, value: str, opened: tuple[str, ...]) -> Iterator[Word]:
    named = f"--{_FLAG}={value}"
    try:
        path = path_flags.expanded(value.strip())
        real = os.path.realpath(path)
        with open(path, "rb") as file:
            content = file.read(_LARGEST + 1)
    except errors.UserError as error:
        raise _error(word, named, str(error)) from error
    except (OSError, ValueError) as error:  # The latter: a NUL byte.
        reason = getattr(error, "strerror", None) or str(error)
        place = f" in {os.getcwd()}" if not os.path.isabs(value) else ""
        raise _error(word, named, f"cannot be read{place}: {reason}") from error
    if real in opened:
        raise _error(word, named, "the file names itself, or is named by one it names")
    if len(content) > _LARGEST:
        raise _error(word, named, f"larger than {_LARGEST >> 20} MB: no flag file")
    lines = []
    for number, line in enumerate(io.StringIO(_text(word, named, content)), start=1):
        text = line.strip()
        if not text or text.startswith(("#", "//")):
            continue
        found = Word(text, f"{path}, line {number}")
        if not text.startswith("-") or text.strip("-") == "":
            raise _error(
                found, _short(text), "expected one flag a line, --name=value, or # note"
            )
        if re.search(r"\s#", text):
            raise _error(
                found,
                _short(text),
                "a note stands on a line of its own; a value that holds ' #' goes on "
                "the command line",
            )
        lines.append(found)
    yield from _expand(lines, (*opened, real))


def _text(word: Word, named: str, content: bytes) -> str:
    """A flag file's text, lines ended by a newline each."""
    encoding = "utf-16" if content.startswith(_WIDE) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _error(
            word, named, f"line {line} is no text in UTF-8. Save the file as UTF-8"
        ) from error
    if "\0" in text:
        raise _error(word, named, "it holds NUL bytes: no flag file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:60] + "..."


def _error(word: Word, what: str, fault: str) -> errors.UserError:
    place = f"{word.where}: " if word.where else ""
    return errors.UserError(f"{place}{what}: {fault}")
