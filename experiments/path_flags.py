"""Flags that are places: `~` is expanded, an empty one is refused."""

import os
import pathlib
from collections.abc import Sequence

from absl import flags

from data_builders import registry
from dimn_tf import errors

flags.disclaim_key_flags()  # They are their caller's.


def expanded(text: str) -> str:
    """A path as a flag or argument gives it, with `~` and `~user` expanded.

    Raises:
        errors.UserError: it is empty, as `--workdir=$UNSET` is, or of no user.
    """
    if not text.strip():
        raise errors.UserError("it is empty: expected a path")
    path = os.path.expanduser(text)
    if path.startswith("~"):
        user = text.partition("/")[0]
        raise errors.UserError(
            f"there is no home of {user}: expected a path (a file of that name is "
            f"./{text})"
        )
    return path


def expanded_arguments(arguments: Sequence[str]) -> list[str]:
    """Arguments that are paths, as `expanded`.

    Raises:
        errors.UserError: see `expanded`.
    """
    try:
        return [expanded(text) for text in arguments]
    except errors.UserError as error:
        raise errors.UserError(f"an argument: {error}") from error


def expanded_reference(text: str) -> str:
    """A data set's reference; a place in it is made absolute.

    What is recorded with a run then holds in every folder. Other references, and
    what is none, are given back as they are.
    """
    start = registry.OWN_DATA + ":"
    place = text.removeprefix(start)
    if not text.startswith(start) or not place or place.startswith("?"):
        return text
    return start + os.path.join(os.getcwd(), expanded(place))


def refuse_no_folder(flag: str) -> None:
    """Refuses a flag's place that cannot take files, by the first part there is.

    Raises:
        errors.UserError: it is a file, or cannot be written to.
    """
    folder = pathlib.Path(flags.FLAGS[flag].value)
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        found = "a folder that cannot be written to" if there.is_dir() else "no folder"
        raise errors.UserError(
            f"--{flag}={folder}: {there} is {found}: name another place"
        )


def refuse_no_text(flag: str) -> None:
    """Refuses a flag's place that is no text: TensorFlow writes to none.

    Raises:
        errors.UserError: its name is no UTF-8.
    """
    place = flags.FLAGS[flag].value
    try:
        place.encode()
    except UnicodeEncodeError as error:
        shown = place.encode(errors="backslashreplace").decode()
        raise errors.UserError(
            f"--{flag}={shown}: its name is no UTF-8, and TensorFlow cannot write "
            "there: name another place"
        ) from error


class _Parser(flags.ArgumentParser):
    """Parses by a function that raises `UserError`."""

    syntactic_help = "a path"

    def __init__(self, parse):
        self._parse = parse

    def parse(self, argument):
        """See base class."""
        return self._parse(argument)


class _ReferencesParser(flags.ListParser):
    def parse(self, argument):
        """See base class."""
        return [expanded_reference(text) for text in super().parse(argument)]


def define_path(name: str, default: str | None, help: str, **more) -> None:
    """Defines a flag that is a path; the default is taken as it is."""
    flags.DEFINE(_Parser(expanded), name, default, help, **more)


def define_reference(name: str, default: str | None, help: str, **more) -> None:
    """Defines a flag that names a data set."""
    flags.DEFINE(_Parser(expanded_reference), name, default, help, **more)


def define_references(name: str, default: list[str] | None, help: str, **more) -> None:
    """Defines a flag that lists data sets."""
    flags.DEFINE(
        _ReferencesParser(),
        name,
        default,
        help,
        serializer=flags.CsvListSerializer(","),
        **more,
    )
