"""Pairs of images, of one person or of two, by number: none is made but those taken."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_FEW = 0.1
"""Share of strangers among all pairs from which on these are drawn until there are
enough; ours. Where one person has nearly all images, nearly all draws would be in vain;
committed calibrations, whose data have more, were drawn in this way."""


def genuine(
    identities: np.ndarray, cameras: np.ndarray, most: int, seed: int
) -> np.ndarray:
    """Two different images of a person, of two cameras where there are several.

    Args:
        identities: int [M].
        cameras: int [M].
        most: Of more, so many are drawn, each pair as likely as another.
        seed: Draws them.

    Returns:
        Probe and gallery image, int64 [n, 2].
    """
    parts = np.arange(len(identities))
    seen_by, camera = np.unique(cameras, return_inverse=True)
    if len(seen_by) > 1:
        _, person = np.unique(identities, return_inverse=True)
        parts = person * len(seen_by) + camera
    all_pairs = _PairsBetweenParts(identities, parts)
    if all_pairs.count <= most:
        return all_pairs.at(np.arange(all_pairs.count))
    # Another stream than the strangers'.
    rng = np.random.default_rng([seed, 1])
    return all_pairs.at(
        _distinct(lambda: rng.integers(0, all_pairs.count, 2 * most), most)
    )


def strangers(identities: np.ndarray, wanted: int, seed: int) -> np.ndarray:
    """Images of two persons, drawn by seed; all of them where there are fewer.

    Args:
        identities: int [M].
        wanted: How many.
        seed: Draws them.

    Returns:
        Probe and gallery image, int64 [n, 2].
    """
    count = len(identities)
    all_pairs = _PairsBetweenParts(np.zeros_like(identities), identities)
    if all_pairs.count <= wanted:
        return all_pairs.at(np.arange(all_pairs.count))
    rng = np.random.default_rng(seed)
    if all_pairs.count < _FEW * count**2:
        return all_pairs.at(
            _distinct(lambda: rng.integers(0, all_pairs.count, 2 * wanted), wanted)
        )

    def draw() -> np.ndarray:
        more = rng.integers(0, count**2, 2 * wanted)
        return more[identities[more // count] != identities[more % count]]

    chosen = _distinct(draw, wanted)
    return np.stack([chosen // count, chosen % count], axis=1)


def _distinct(draw: Callable[[], np.ndarray], wanted: int) -> np.ndarray:
    """The first distinct numbers that are drawn, so many of them, rising."""
    drawn = np.zeros(0, np.int64)
    while len(drawn) < wanted:
        drawn = np.concatenate([drawn, draw()])
        # The first of each that comes again, in the order drawn.
        drawn = drawn[np.sort(np.unique(drawn, return_index=True)[1])]
    return np.sort(drawn[:wanted])


class _PairsBetweenParts:
    """Pairs of two images of one group and two parts, by number: none is made before.

    They are numbered by group, then first image, then second, all rising. Takes memory
    for the M images, not for their pairs.

    Args:
        groups: int [M].
        parts: int [M], each within one group.
    """

    def __init__(self, groups: np.ndarray, parts: np.ndarray):
        self._images = np.argsort(groups, kind="stable")
        groups, parts = groups[self._images], parts[self._images]
        places = np.arange(len(groups))
        # Of each image, in that order: its group's first place, its part.
        _, starts, of, sizes = np.unique(
            groups, return_index=True, return_inverse=True, return_counts=True
        )
        self._group_starts = starts[of]
        _, self._parts, part_sizes = np.unique(
            parts, return_inverse=True, return_counts=True
        )
        counts = sizes[of] - part_sizes[self._parts]
        self._ends = np.cumsum(counts)
        self._begins = self._ends - counts
        # Of each part's images: how many of the group's others come before them.
        by_part = np.argsort(self._parts, kind="stable")
        self._part_starts = np.cumsum(part_sizes) - part_sizes
        before = places[by_part] - self._group_starts[by_part]
        before -= places - self._part_starts[self._parts[by_part]]
        self._before = self._key(self._parts[by_part], before)

    @property
    def count(self) -> int:
        """Of all such pairs."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def at(self, numbers: np.ndarray) -> np.ndarray:
        """The pairs of these numbers, int64 [n] in 0..count - 1: int64 [n, 2]."""
        first = np.searchsorted(self._ends, numbers, side="right")
        others, part = numbers - self._begins[first], self._parts[first]
        # So many others of the group come before the second, and so many of the part.
        own = np.searchsorted(self._before, self._key(part, others), side="right")
        own -= self._part_starts[part]
        second = self._group_starts[first] + others + own
        return np.stack([self._images[first], self._images[second]], axis=1)

    def _key(self, part: np.ndarray, before: np.ndarray) -> np.ndarray:
        """One number that rises by part, then by count."""
        return part * (len(self._images) + 1) + before
