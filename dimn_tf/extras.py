"""Packages that only some uses need: a missing one is named with its extra."""

from __future__ import annotations

import importlib
from typing import Any

from dimn_tf import errors


def load(package: str, extra: str, what: str) -> Any:
    """Imports a module of an extra of setup.py.

    Args:
        package: The module, such as `faiss`.
        extra: The extra that installs it.
        what: What needs it.

    Raises:
        errors.UserError: it cannot be imported.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise errors.UserError(
            f"{what} needs the package {package.partition('.')[0]}, which is not "
            f"installed ({error}). Run: pip install -e '.[{extra}]' in dimn_tf's folder"
        ) from error


class Lazy:
    """A module of an extra that is imported where it is used first; see `load`."""

    def __init__(self, package: str, extra: str, what: str):
        self._asked = package, extra, what

    def __getattr__(self, name: str) -> Any:
        return getattr(load(*self._asked), name)
