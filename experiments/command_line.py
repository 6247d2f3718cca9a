"""The command line: its flags read, each fault one line with its place; --help."""

from __future__ import annotations

import difflib
import math
import textwrap
from collections.abc import Sequence

from absl import flags

from dimn_tf import errors
from experiments import flag_files

FLAGS = flags.FLAGS
HELP = {"--help", "-help", "-h", "--helpshort", "-helpshort", "-?"}
HELP_IN_FULL = {"--helpfull", "-helpfull"}
_LARGEST_INTEGER = 2**63 - 1
_WIDTH = 88
_SEVERAL = (
    ".; repeat this option to specify a list of values",
    ". May be given several times.",
)
"""What absl adds to the help of such a flag, and what stands here for it."""


def parse(argv: Sequence[str], own: Sequence[str], arguments: bool) -> list[str]:
    """Reads the flags into `FLAGS`.

    Args:
        argv: The command's name and what follows it.
        own: Names of the command's own flags.
        arguments: Whether there may be anything beside flags.

    Returns:
        The command's name and its arguments.

    Raises:
        errors.UserError: one line on the first fault.
    """
    words = flag_files.expand(argv[1:])
    try:
        _check(words)
        rest = FLAGS([argv[0], *(word.text for word in words)])
    except flags.UnrecognizedFlagError as error:
        raise _unknown(error.flagname, words, own) from error
    except errors.UserError:
        raise
    except (flags.Error, ValueError) as error:  # absl raises both.
        _refuse_missing(own)
        raise errors.UserError(" ".join(str(error).split())) from error
    if len(rest) > 1 and not arguments:
        raise errors.UserError(
            f"unknown arguments: {' '.join(rest[1:])}: this command takes flags "
            "alone, --name=value"
        )
    return rest


def _check(words: Sequence[flag_files.Word]) -> None:
    """Checks each value by its flag, where its place is still known."""
    waiting = iter(words)
    for word in waiting:
        if word.text == "--":
            return
        name, given, value = parts(word)
        if name not in FLAGS:
            continue
        flag = FLAGS[name]
        if flag.boolean and not given:
            continue
        if not given:
            following = next(waiting, None)
            if following is None:
                raise errors.UserError(
                    f"{_place(word)}--{name}: expected a value, --{name}=..."
                )
            value = following.text
        try:
            parsed = flag.parser.parse(value)
        except errors.UserError as error:
            fault = str(error)
        except (TypeError, ValueError, OverflowError) as error:
            fault = _expected(flag, error)
        else:
            fault = _out_of_bounds(parsed)
        if fault:
            raise errors.UserError(f"{_place(word)}--{name}={value}: {fault}")


def parts(word: flag_files.Word) -> tuple[str, bool, str]:
    """Name, whether a value is given, and that value; no name where it is no flag."""
    if not word.text.startswith("-"):
        return "", False, ""
    dashes = 2 if word.text.startswith("--") else 1
    name, given, value = word.text[dashes:].partition("=")
    return name, bool(given), value


def _place(word: flag_files.Word) -> str:
    return f"{word.where}: " if word.where else ""


def _expected(flag: flags.Flag, error: Exception) -> str:
    if flag.boolean:
        return "expected true or false"
    if choices := getattr(flag.parser, "enum_values", None):
        return f"expected one of {', '.join(choices)}"
    if isinstance(flag.parser, flags.IntegerParser):
        return "expected " + flag.parser.syntactic_help.replace("integer", "number")
    return f"expected {flag.parser.syntactic_help or str(error)}"


def _out_of_bounds(value) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "expected a finite number"
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        return f"expected a whole number of at most {_LARGEST_INTEGER} (64 bits)"
    return ""


def _unknown(name: str, words, own: Sequence[str]) -> errors.UserError:
    word = next((w for w in words if parts(w)[0] == name), flag_files.Word(""))
    near = difflib.get_close_matches(name.removeprefix("no"), own, 1, 0.6)
    hint = f"did you mean --{near[0]}? " if near else ""
    return errors.UserError(
        f"{_place(word)}--{name}: there is no such flag; {hint}--help lists all"
    )


def _refuse_missing(own: Sequence[str]) -> None:
    missing = [name for name in own if FLAGS[name].value is None and _required(name)]
    if missing:
        wanted = "; ".join(f"--{name}=... ({FLAGS[name].help})" for name in missing)
        raise errors.UserError(f"give {' '.join(wanted.split())}")


def _required(name: str) -> bool:
    """Whether a flag without a value is refused."""
    return any(
        hasattr(validator, "checker") and not validator.checker(None)
        for validator in FLAGS[name].validators
    )


def whole_numbers(name: str) -> list[int]:
    """The values of a flag that lists whole numbers, at least 1.

    Raises:
        errors.UserError: one is none.
    """
    found = []
    for text in FLAGS[name].value:
        if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 2**63:
            raise errors.UserError(
                f"--{name}={','.join(FLAGS[name].value)}: {text!r} is no whole number "
                "of at least 1"
            )
        found.append(int(text))
    return found


def help_text(about: str, own: Sequence[str]) -> str:
    """What --help prints: the command's own flags, all of them.

    Args:
        about: What the command does.
        own: Names of its flags.
    """
    needed = [name for name in own if _required(name)]
    lines = [about.strip(), "", "Flags:"]
    for name in [*needed, *(name for name in own if name not in needed)]:
        lines += _flag_help(name, FLAGS[name], name in needed)
    lines += ["", "  --flagfile=FILE", "      Takes flags from a file, one a line."]
    lines += ["  --helpfull", "      Lists the libraries' flags too."]
    return "\n".join(lines) + "\n"


def _flag_help(name: str, flag: flags.Flag, needed: bool) -> list[str]:
    choices = getattr(flag.parser, "enum_values", None)
    told = flag.help or ""
    if choices:  # absl begins the help with them.
        told = told.removeprefix(f"<{'|'.join(choices)}>: ")
    if flag.boolean:
        head = f"  --[no]{name}"
    else:
        head = f"  --{name}={'|'.join(choices) if choices else _kind(flag)}"
    if needed:
        tail = " Needed."
    elif flag.default in (None, "", []):
        tail = ""
    else:
        tail = f" Default: {flag.default_as_str}."
        tail = tail.replace("'", "")
    text = " ".join(f"{told}{tail}".split()).replace(*_SEVERAL)
    return [
        head,
        *textwrap.wrap(
            text,
            _WIDTH,
            initial_indent=" " * 6,
            subsequent_indent=" " * 6,
            break_on_hyphens=False,
            break_long_words=False,
        ),
    ]


def _kind(flag: flags.Flag) -> str:
    for parser, kind in (
        (flags.IntegerParser, "NUMBER"),
        (flags.FloatParser, "NUMBER"),
        (flags.ListParser, "A,B,..."),
    ):
        if isinstance(flag.parser, parser):
            return kind
    return "PATH" if flag.parser.syntactic_help == "a path" else "TEXT"
