"""A version's folder while it is written: one writer's own, and gone however that ends.

Its name begins with a dot and is no number, so that servers pass over it. Its writer
holds its lock, which the system frees with the process: a process number would not tell
who is dead, since in containers it is mostly 1.
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

_LEFT = re.compile(r"\.\d+\.(?P<writer>[0-9a-f]{16}|\d+)\.partial")
_OLD_SECONDS = 86_400.0
"""After which what an older version left is a dead writer's, since those held no lock;
ours."""


@contextlib.contextmanager
def folder(export_dir: pathlib.Path, version: int) -> Iterator[pathlib.Path]:
    """Makes a folder to write a version to; what is left there goes afterwards.

    What killed exports left beside it goes too.

    Args:
        export_dir: Folder of versions, which is there.
        version: The version's number.

    Raises:
        OSError: it cannot be made.
    """
    _remove_left(export_dir)
    made = export_dir / f".{version}.{secrets.token_hex(8)}.partial"
    made.mkdir()
    try:
        with _held(made):
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _remove_left(export_dir: pathlib.Path) -> None:
    for path in export_dir.iterdir():
        match = _LEFT.fullmatch(path.name)
        if match is None:
            continue
        with contextlib.suppress(OSError):  # Another process may be faster.
            age = time.time() - path.stat().st_mtime
            if len(match["writer"]) < 16 and age < _OLD_SECONDS:
                continue
            with _held(path) as held:
                if held:
                    shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _held(path: pathlib.Path) -> Iterator[bool]:
    """Holds a folder's lock, unless another process does; whether it is held."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows, which opens no folders.
        yield False
        return
    try:
        try:
            held = files.take(handle, path)
        except errors.UserError:  # Here are no locks; then nobody removes it either.
            held = False
        try:
            yield held
        finally:
            if held:
                files.release(handle)
    finally:
        os.close(handle)
