"""Folders under names that TensorFlow takes for names, not for patterns."""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator

from dimn_tf import errors

_PATTERN = set("[]*?\\")


def is_plain(path: str | os.PathLike) -> bool:
    """Whether a path is text (UTF-8) without a character of a pattern."""
    text = os.fspath(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return not set(text) & _PATTERN


@contextlib.contextmanager
def plain(folder: str | os.PathLike) -> Iterator[pathlib.Path]:
    """The folder under a name that TensorFlow reads and writes by.

    TensorFlow looks variables up as a pattern (`[`, `*`, `?`) where it reads a
    checkpoint or a saved model, and takes no name that is not UTF-8. A link in a
    temporary folder stands for such a folder; every other one is given as it is.

    Args:
        folder: It is there.

    Raises:
        errors.UserError: the folder for temporary files has such a name itself.
    """
    folder = pathlib.Path(folder)
    if is_plain(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="dimn_tf_") as place:
        if not is_plain(place):
            raise errors.UserError(
                f"{folder}: TensorFlow cannot read a name with any of [ ] * ? \\ or "
                f"that is no UTF-8, and the folder for temporary files, {place}, has "
                "such a name too. Set TMPDIR to a folder with a plain name"
            )
        link = pathlib.Path(place) / "folder"
        link.symlink_to(folder.absolute(), target_is_directory=True)
        yield link
