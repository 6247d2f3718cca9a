"""What a score means: genuine and impostor scores of identities never trained on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from dimn_tf import errors
from dimn_tf.evaluation import evaluator

FALSE_ACCEPTS = (100, 1_000, 10_000)
"""Thresholds are given at one false accept in so many impostor pairs."""
EXPECTED_ACCEPTS = 10
"""False accepts that the pairs must be enough for, so that a threshold can be told;
ours."""
PAIRS = 200_000
"""Impostor pairs drawn; ours."""
RESAMPLES = 200
_PROBE_BLOCK = 256  # Probes whose scores are held at a time.
_CONFIDENCE = (2.5, 97.5)


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Scores of pairs of a probe and a gallery image.

    Attributes:
        scores: float [n].
        probes: int [n], the probe's identity, counted over all sources.
        gallery: int [n], the gallery image's.
    """

    scores: np.ndarray
    probes: np.ndarray
    gallery: np.ndarray

    @property
    def genuine(self) -> np.ndarray:
        """Whether a pair shows one person: bool [n]."""
        return self.probes == self.gallery

    @classmethod
    def joined(cls, parts: Sequence[Pairs]) -> Pairs:
        """The pairs of all sources."""
        return cls(
            *(
                np.concatenate([getattr(part, field.name) for part in parts])
                for field in dataclasses.fields(cls)
            )
        )


def score_pairs(
    scoring: evaluator.Scoring,
    identities: np.ndarray,
    cameras: np.ndarray,
    seed: int = 0,
    impostors: int = PAIRS,
) -> Pairs:
    """All genuine pairs of one source, and impostor pairs drawn by seed.

    Genuine: two different images of a person, of two cameras where the source tells
    cameras. Impostor: images of two persons of the same source (people of another
    network are told apart too easily).

    Args:
        scoring: Represents the M images as probes and as gallery images.
        identities: int [M].
        cameras: int [M]; all equal where none are known.
        seed: Draws the impostor pairs.
        impostors: How many; all of them where there are fewer.

    Returns:
        The pairs, both ways round: the score is not symmetric.
    """
    genuine = _genuine(identities, cameras)
    pairs = np.concatenate([genuine, _strangers(identities, impostors, seed)])
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    scores = np.empty(len(pairs))
    for first in range(0, len(identities), _PROBE_BLOCK):
        begin, end = np.searchsorted(pairs[:, 0], (first, first + _PROBE_BLOCK))
        if begin == end:
            continue
        block = scoring.score(
            scoring.probes[first : first + _PROBE_BLOCK], scoring.gallery
        )
        probes, gallery = pairs[begin:end].T
        scores[begin:end] = block[probes - first, gallery]
    return Pairs(scores, identities[pairs[:, 0]], identities[pairs[:, 1]])


def _genuine(identities: np.ndarray, cameras: np.ndarray) -> np.ndarray:
    """All (probe, gallery image) of one person: int64 [n, 2]."""
    across = len(set(cameras.tolist())) > 1
    found = [np.zeros((0, 2), np.int64)]
    for identity in np.unique(identities):
        images = np.flatnonzero(identities == identity)
        allowed = ~np.eye(len(images), dtype=bool)
        if across:
            allowed &= cameras[images][:, np.newaxis] != cameras[images]
        found.append(images[np.argwhere(allowed)])
    return np.concatenate(found)


def _strangers(identities: np.ndarray, wanted: int, seed: int) -> np.ndarray:
    """Pairs of two persons, drawn by seed; all where there are fewer: int64 [n, 2]."""
    count = len(identities)
    _, sizes = np.unique(identities, return_counts=True)
    if count**2 - (sizes**2).sum() <= wanted:
        return np.argwhere(identities[:, np.newaxis] != identities)
    rng = np.random.default_rng(seed)
    drawn = np.zeros(0, np.int64)
    while len(drawn) < wanted:
        more = rng.integers(0, count**2, 2 * wanted)
        more = more[identities[more // count] != identities[more % count]]
        # The first of each that comes again, in the order drawn.
        drawn = np.concatenate([drawn, more])
        drawn = drawn[np.sort(np.unique(drawn, return_index=True)[1])]
    chosen = np.sort(drawn[:wanted])
    return np.stack([chosen // count, chosen % count], axis=1)


def thresholds(pairs: Pairs, seed: int = 0) -> list[dict[str, Any]]:
    """The score at each rate of `FALSE_ACCEPTS`, with its 95 % interval.

    A threshold t accepts scores at or above it. It is the lowest score that at most
    one in n impostor pairs reaches. The interval is a bootstrap over identities:
    pairs of one person hang together.

    Args:
        pairs: Genuine and impostor ones.
        seed: Of the bootstrap.

    Returns:
        For each n: `one_in`, `score`, `interval`, `true_accept_rate` (share of
        genuine pairs accepted, 0..1); or `one_in` and `refused`, the reason, where the
        pairs are too few.

    Raises:
        errors.UserError: there is no genuine or no impostor pair.
    """
    genuine = pairs.genuine
    if not genuine.any() or genuine.all():
        raise errors.UserError(
            f"calibration needs genuine and impostor pairs, found {genuine.sum():,} "
            f"and {(~genuine).sum():,}: hold more identities out "
            "(--holdout_identities)"
        )
    draws = _identity_weights(pairs, seed)
    rows: list[dict[str, Any]] = []
    for one_in in FALSE_ACCEPTS:
        needed, there = one_in * EXPECTED_ACCEPTS, int((~genuine).sum())
        if there < needed:
            rows.append(
                {
                    "one_in": one_in,
                    "refused": f"{there:,} impostor pairs, {needed:,} needed: hold "
                    "more identities out (--holdout_identities)",
                }
            )
            continue
        score = threshold(pairs.scores[~genuine], 1 / one_in)
        resampled = [
            threshold(pairs.scores[~genuine], 1 / one_in, weights[~genuine])
            for weights in draws
        ]
        rows.append(
            {
                "one_in": one_in,
                "score": score,
                "interval": np.percentile(resampled, _CONFIDENCE).tolist(),
                "true_accept_rate": float((pairs.scores[genuine] >= score).mean()),
            }
        )
    return rows


def threshold(
    impostors: np.ndarray, rate: float, weights: np.ndarray | None = None
) -> float:
    """The lowest t for which at most `rate` of the impostor scores are >= t.

    Args:
        impostors: Scores [n].
        rate: 0..1.
        weights: [n], >= 0; all alike where none are given.
    """
    order = np.argsort(-impostors, kind="stable")
    falling = impostors[order]
    weight = np.ones(len(falling)) if weights is None else weights[order]
    accepted = np.cumsum(weight)
    # What a threshold at this score accepts counts all scores equal to it.
    last = len(falling) - 1 - np.searchsorted(falling[::-1], falling, side="left")
    within = accepted[last] <= rate * accepted[-1] * (1 + 1e-12)
    if not within.any():
        return float(np.nextafter(falling[0], np.inf))
    # Just above the first score that is too many.
    first_over = falling[within.argmin()] if not within.all() else -np.inf
    return float(np.nextafter(first_over, np.inf))


def _identity_weights(pairs: Pairs, seed: int) -> list[np.ndarray]:
    """Weights of the pairs in each resampling of the identities."""
    names, positions = np.unique(
        np.stack([pairs.probes, pairs.gallery]), return_inverse=True
    )
    probes, gallery = positions.reshape(2, -1)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(
        len(names), np.full(len(names), 1 / len(names)), RESAMPLES
    ).astype(np.float64)
    return [drawn[probes] * drawn[gallery] for drawn in times]
