"""Draws by seed, the same on every machine and with every library version.

The order of a draw is the order of SHA-256 hashes of "seed/trial/item"; no random
number generator takes part, whose stream could change between versions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

TRIALS = 10
"""Trials that are drawn of a data set."""


def shuffled(items: Iterable[str], seed: int, trial: str) -> list[str]:
    """The items in an order that seed and trial alone decide."""

    def key(item: str) -> bytes:
        text = f"{seed}/{trial}/{item}"
        return hashlib.sha256(text.encode(errors="surrogateescape")).digest()

    return sorted(items, key=key)
