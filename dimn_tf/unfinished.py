"""A folder while it is written: one writer's own, and gone however that ends.

Its name begins with a dot, so that what lists folders, as servers do, passes over it.
Its writer holds its lock, which the system frees with the process: a process number
would not tell who is dead, since in containers it is mostly 1.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import secrets
import shutil
import time
from collections.abc import Iterator

from dimn_tf import errors, files

_LEFT = r"\.(?P<writer>[0-9a-f]{16}|\d+)\.partial"
_OLD_SECONDS = 86_400.0
"""After which what an older version left is a dead writer's, since those held no lock;
ours."""


@contextlib.contextmanager
def beside(path: pathlib.Path, others: str | None = None) -> Iterator[pathlib.Path]:
    """Makes a folder to write to, to be renamed to `path`; else it goes afterwards.

    What killed writers of `path` left goes too, and of others of its kind.

    Args:
        path: Of what is written; the folder that it is to lie in is there.
        others: A pattern of all names of its kind there, where a name that was not
            finished is not taken again (a version's number); None: it alone.

    Raises:
        OSError: it cannot be made.
    """
    _remove_left(path.parent, others or re.escape(path.name))
    while True:
        made = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
        made.mkdir()
        try:
            with _held(made) as held:
                # Before it was held, another writer may have taken it for a dead
                # one's. From here on nobody does.
                if held is not False and made.is_dir():
                    yield made
                    return
        finally:
            shutil.rmtree(made, ignore_errors=True)


def publish(partial: pathlib.Path, path: pathlib.Path, taken: str) -> None:
    """Gives a whole folder its name.

    Args:
        partial: The folder, of `beside`.
        path: Its name.
        taken: What is told where something of that name came meanwhile.

    Raises:
        errors.UserError: something did.
        OSError: it cannot be renamed.
    """
    try:
        partial.rename(path)
    except OSError as error:
        if not path.exists():
            raise
        raise errors.UserError(taken) from error


def _remove_left(folder: pathlib.Path, names: str) -> None:
    """Removes what killed writers of names by a pattern left in a folder."""
    pattern = re.compile(rf"\.(?:{names}){_LEFT}")
    for left in folder.iterdir():
        match = pattern.fullmatch(left.name)
        if match is None:
            continue
        with contextlib.suppress(OSError):  # Another process may be faster.
            age = time.time() - left.stat().st_mtime
            if len(match["writer"]) < 16 and age < _OLD_SECONDS:
                continue
            with _held(left) as held:
                if held:
                    shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def _held(path: pathlib.Path) -> Iterator[bool | None]:
    """Holds a folder's lock, unless another process does.

    Yields:
        Whether it is held: False where another process holds it or the folder is gone,
        None where there are no locks.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows, which opens no folders.
        yield None
        return
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            held = files.take(handle, path)
        except errors.UserError:  # Here are no locks; then nobody removes it either.
            held = None
        try:
            yield held
        finally:
            if held:
                files.release(handle)
    finally:
        os.close(handle)
