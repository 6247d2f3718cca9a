"""What a score means: genuine and impostor scores of identities never trained on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dimn_tf import errors
from dimn_tf.evaluation import evaluator, image_pairs, measures

FALSE_ACCEPTS = (100, 1_000, 10_000)
"""Thresholds are given at one false accept in so many impostor pairs."""
EXPECTED_ACCEPTS = 10
"""False accepts that the pairs must be enough for, so that a threshold can be told;
ours."""
PAIRS = 200_000
"""Impostor pairs drawn; ours."""
GENUINE_PAIRS = 1_000_000
"""Most genuine pairs of a source, above which they are drawn too; ours."""
RESAMPLES = 200
_PROBE_BLOCK = 256  # Probes whose scores are held at a time.
_CONFIDENCE = (2.5, 97.5)


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Scores of pairs of a probe and a gallery image.

    Attributes:
        scores: float [n], of the method's precision.
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
    most_genuine: int = GENUINE_PAIRS,
) -> Pairs:
    """The genuine pairs of one source, and impostor pairs drawn by seed.

    Genuine: two different images of a person, of two cameras where the source tells
    cameras. Impostor: images of two persons of the same source (people of another
    network are told apart too easily).

    Args:
        scoring: Represents the M images as probes and as gallery images.
        identities: int [M].
        cameras: int [M]; all equal where none are known.
        seed: Draws the impostor pairs.
        impostors: How many; all of them where there are fewer.
        most_genuine: Where there are more genuine pairs, so many of them are drawn by
            seed, each pair as likely as another. A person's share of them is then,
            but for the draw, what it is of all: the more images, the more pairs.

    Returns:
        The pairs, both ways round: the score is not symmetric.
    """
    genuine = image_pairs.genuine(identities, cameras, most_genuine, seed)
    pairs = np.concatenate(
        [genuine, image_pairs.strangers(identities, impostors, seed)]
    )
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    scores = [np.zeros(0, np.float32)]
    gallery_images = scoring.hold(scoring.gallery)
    for first in range(0, len(identities), _PROBE_BLOCK):
        begin, end = np.searchsorted(pairs[:, 0], (first, first + _PROBE_BLOCK))
        if begin == end:
            continue
        block = scoring.score(
            scoring.probes[first : first + _PROBE_BLOCK], gallery_images
        )
        probes, gallery = pairs[begin:end].T
        scores.append(block[probes - first, gallery])
    return Pairs(
        np.concatenate(scores), identities[pairs[:, 0]], identities[pairs[:, 1]]
    )


def thresholds(pairs: Pairs, seed: int = 0) -> list[dict[str, Any]]:
    """The score at each rate of `FALSE_ACCEPTS`, with its 95 % interval.

    A threshold t accepts scores at or above it (`measures.reaches`). It is the lowest
    score, in the scores' precision, that at most one in n impostor pairs reaches. The
    interval is a bootstrap over identities: pairs of one person hang together.

    Args:
        pairs: Genuine and impostor ones.
        seed: Of the bootstrap.

    Returns:
        For each n: `one_in`, `score`, `interval`, `true_accept_rate` (share of
        genuine pairs accepted, 0..1); or `one_in` and `refused`, the reason, where the
        pairs are too few. Of too few people `interval` is None, and
        `interval_refused` says why.

    Raises:
        errors.UserError: there is no genuine or no impostor pair, or a score is not
            finite.
    """
    genuine = pairs.genuine
    if not genuine.any() or genuine.all():
        raise errors.UserError(
            f"calibration needs genuine and impostor pairs, found {genuine.sum():,} "
            f"and {(~genuine).sum():,}: hold more identities out "
            "(--holdout_identities)"
        )
    if broken := int((~np.isfinite(pairs.scores)).sum()):
        raise errors.UserError(
            f"calibration needs finite scores, {broken:,} of {len(pairs.scores):,} are "
            "not: the training went wrong. Look at its loss curves; train again with a "
            "lower learning rate"
        )
    there = int((~genuine).sum())
    told = [n for n in FALSE_ACCEPTS if there >= n * EXPECTED_ACCEPTS]
    rates = [1 / n for n in told]
    impostors = Impostors(pairs.scores[~genuine])
    scores = dict(zip(told, impostors.thresholds(rates), strict=True))
    # Thresholds alone are kept: of a resample's weights there are as many as pairs.
    resampled, empty = [], 0
    for weights in _identity_weights(pairs, seed):
        of_strangers = weights[~genuine]
        # A draw of one person over and over tells nothing of two.
        empty += not of_strangers.any()
        if not empty:
            resampled.append(impostors.thresholds(rates, of_strangers))
    if empty:
        interval_of = {one_in: _no_interval(empty) for one_in in told}
    else:
        ends = np.percentile(resampled, _CONFIDENCE, axis=0)
        interval_of = {
            one_in: {"interval": list(pair)}
            for one_in, pair in zip(told, ends.T.tolist(), strict=True)
        }
    rows: list[dict[str, Any]] = []
    for one_in in FALSE_ACCEPTS:
        if one_in not in scores:
            rows.append(
                {
                    "one_in": one_in,
                    "refused": f"{there:,} impostor pairs, "
                    f"{one_in * EXPECTED_ACCEPTS:,} needed: hold more identities out "
                    "(--holdout_identities)",
                }
            )
            continue
        score = scores[one_in]
        rows.append(
            {
                "one_in": one_in,
                "score": score,
                **interval_of[one_in],
                "true_accept_rate": float(
                    measures.reaches(pairs.scores[genuine], score).mean()
                ),
            }
        )
    return rows


def _no_interval(empty: int) -> dict[str, Any]:
    return {
        "interval": None,
        "interval_refused": f"{empty} of {RESAMPLES} resamples of the people hold no "
        "pair of two of them: hold more identities out (--holdout_identities)",
    }


class Impostors:
    """Scores of pairs of two people, sorted once for many thresholds.

    Args:
        scores: Real [n], n > 0; thresholds are of their precision.
    """

    def __init__(self, scores: np.ndarray):
        if scores.dtype.kind != "f":
            scores = scores.astype(np.float64)
        self._order = np.argsort(-scores, kind="stable")
        self._falling = scores[self._order]
        # What a threshold at a score accepts counts all scores equal to it.
        upwards = np.searchsorted(self._falling[::-1], self._falling, side="left")
        self._last = len(scores) - 1 - upwards

    def thresholds(
        self, rates: Sequence[float], weights: np.ndarray | None = None
    ) -> list[float]:
        """For each rate the lowest t for which at most so many scores are >= t.

        Args:
            rates: 0..1.
            weights: Real [n], >= 0; all alike where none are given.
        """
        count = len(self._falling)
        weight = np.ones(count) if weights is None else weights[self._order]
        accepted = np.cumsum(weight)[self._last]  # Never falls.
        found = []
        for rate in rates:
            limit = rate * accepted[-1] * (1 + 1e-12)
            within = np.searchsorted(accepted, limit, side="right")
            # Just above the first score that is too many: a step of float64 above a
            # float32 would be that float32 again to whoever compares in float32.
            kind = self._falling.dtype.type
            first_over = kind(-np.inf) if within == count else self._falling[within]
            found.append(float(np.nextafter(first_over, kind(np.inf))))
        return found


def likeness(scoring: evaluator.Scoring, scale: float) -> evaluator.Scoring:
    """A score that is linear in the probe, divided by its scale and the probe's length.

    It ranks a probe's gallery as before. A threshold, though, is one for all probes,
    and a probe whose representation is long would reach it with everybody. By
    classifiers of unit length it is a cosine in -1..1.

    Args:
        scoring: Of the method's score.
        scale: What times an inner product is the score (`Method.inner_product_scale`).
    """
    lengths = np.linalg.norm(scoring.probes, axis=1, keepdims=True)
    probes = scoring.probes / np.maximum(lengths, np.finfo(np.float32).tiny)
    return evaluator.Scoring(
        probes,
        scoring.gallery,
        lambda p, g: scoring.score(p, g) / scale,
        scoring.hold,
    )


def _identity_weights(pairs: Pairs, seed: int) -> Iterator[np.ndarray]:
    """Weights of the pairs in each resampling of the identities.

    `scipy.stats.bootstrap` hands over drawn identities; a pair counts by the draws of
    both of its own, so that weights are what one sorted order of all scores serves.
    """
    names, positions = np.unique(
        np.stack([pairs.probes, pairs.gallery]), return_inverse=True
    )
    probes, gallery = positions.reshape(2, -1)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(
        len(names), np.full(len(names), 1 / len(names)), RESAMPLES
    ).astype(np.float64)
    for drawn in times:
        yield drawn[probes] * drawn[gallery]
