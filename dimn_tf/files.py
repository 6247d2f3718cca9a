"""Files that are written whole or not at all, and by one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Iterator

from dimn_tf import errors


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """A name to write to, which takes `path`'s place once the block has ended well.

    The name keeps the suffix of `path`, by which image writers choose the format.
    Missing folders are made.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def exclusive(path: str | os.PathLike, otherwise: str) -> Iterator[None]:
    """Holds a lock file; the system frees it with the process, however that ends.

    Args:
        path: The lock file; its folder is there.
        otherwise: What the error says.

    Raises:
        errors.UserError: another process holds it.
    """
    with pathlib.Path(path).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise errors.UserError(otherwise) from error
        yield
