"""Names that tell nobody anything without a key, which stays beside what it is for."""

from __future__ import annotations

import hashlib
import hmac
import os
import pathlib
import secrets
from typing import TypeVar

from dimn_tf import errors
from dimn_tf.gallery import names

KEY = "audit.key"
"""The key's file; without it, nobody can tell whose pseudonym one is."""
_BYTES = 32
_LETTERS = 24  # 96 bits: no two names of a gallery share one.
_Names = TypeVar("_Names", str, list, None)


class Pseudonyms:
    """Keyed hashes (HMAC of SHA-256): the same name has the same, for one key.

    Example:

    >>> Pseudonyms("people/service").of("anna")
    '~5d0c5f1c4b0a4d6b9a3e7f21'

    Args:
        folder: With the key.
        make: Whether one is made where there is none.

    Raises:
        errors.UserError: there is no key, or its file holds none.
        OSError: it cannot be read or made.
    """

    def __init__(self, folder: str | os.PathLike, make: bool = False):
        path = pathlib.Path(folder) / KEY
        if not path.exists():
            if not make:
                raise errors.UserError(
                    f"{path}: there is no key. Name the folder of an audit log "
                    "(GALLERY/service, or serve's --state)"
                )
            _make(path)
        try:
            self._key = bytes.fromhex(path.read_text(encoding="ascii"))
        except ValueError:
            self._key = b""
        if len(self._key) != _BYTES:
            raise errors.UserError(
                f"{path}: it holds no key of {_BYTES} bytes. Restore it from a backup; "
                "or remove it, and the audit log's lines so far tell nobody's name"
            )

    def of(self, name: _Names, is_person: bool = True) -> _Names:
        """A name's pseudonym, or those of a list; None has none.

        Args:
            name: The name.
            is_person: Whether it is a person's, of which all spellings are one (see
                `gallery.names`); ids are taken as they are spelt.
        """
        if name is None:
            return None
        if isinstance(name, list):
            return [self.of(each, is_person) for each in name]
        spelt = names.one(name) if is_person else name
        found = hmac.new(self._key, spelt.encode("utf-8", "replace"), hashlib.sha256)
        return "~" + found.hexdigest()[:_LETTERS]


def _make(path: pathlib.Path) -> None:
    """Makes the key whole or not at all, once for all processes."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(partial, path)
        except FileExistsError:  # Another process was faster.
            pass
    finally:
        partial.unlink()
