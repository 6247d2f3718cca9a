"""What tells an enrolled image file from another one under its name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

KEY = "content_sha256"
"""Of an entry's metadata: the hash of its image file's bytes."""


def sha256(content: bytes) -> str:
    """The hash of a file's bytes, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def is_as_enrolled(content: bytes, metadata: Mapping[str, Any]) -> bool:
    """Whether an image file is the one that an entry was made of.

    An entry that tells no hash (an older version's, or one from Python) is believed.

    Args:
        content: The file's bytes.
        metadata: The entry's.
    """
    digest = metadata.get(KEY)
    return digest is None or digest == sha256(content)
