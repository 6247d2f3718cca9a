"""CMC and mAP of ranked galleries, from the ranks of the true matches alone.

Cumulative matching characteristic (CMC) at rank k: the share of probes whose
first true match stands among the first k gallery images. Average precision (AP)
of a probe: the mean, over its true matches, of the precision at that match's
rank; 1 / rank where there is one true match. (Some code bases average each
precision with the one before it, the trapezoid rule; that gives 1 / (2 rank) for
a single match below rank 1 and cannot be what the paper printed.)

Ties: among equal scores the gallery image that comes first in the gallery ranks
higher, as in a stable sort by falling score.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from dimn_tf import errors

RANKS = (1, 5, 10)
UNMATCHED_PROBES = ("refuse", "apart")
_PROBE_BLOCK_SCORES = 1 << 22  # scores of one block of probes (16 MiB in float32)
_NAMED_IN_ERRORS = 5


@dataclasses.dataclass(frozen=True)
class RankingResult:
    """How well P probes found their true matches; every value is in 0..1.

    Attributes:
      cmc: rank k -> share of probes with a true match among the first k.
      mean_average_precision: mean of `average_precisions`.
      average_precisions: float64 [P], in the order of the probes; NaN for probes
        without a true match.
      first_match_ranks: int64 [P], the rank (1 = best) of the best true match; 0 for
        probes without one.
      unmatched: int64 [U], the probes without a true match, counted apart: neither
        the CMC nor the mean AP knows them.
    """

    cmc: Mapping[int, float]
    mean_average_precision: float
    average_precisions: np.ndarray
    first_match_ranks: np.ndarray
    unmatched: np.ndarray

    def cmc_curve(self, max_rank: int) -> np.ndarray:
        """The CMC at ranks 1..max_rank: float64 [max_rank], in 0..1."""
        ranks = np.arange(1, max_rank + 1)
        ordered = np.sort(self.first_match_ranks[self.first_match_ranks > 0])
        return np.searchsorted(ordered, ranks, side="right") / len(ordered)


class RankingAccumulator:
    """Ranks probes block by block, so that no full score matrix is ever needed.

    Example:
      accumulator = RankingAccumulator(probe_ids, gallery_ids)
      for rows in accumulator.blocks():
          accumulator.add(probes[rows] @ gallery.T)
      accumulator.result().cmc[1]
    """

    def __init__(
        self,
        probe_ids: np.ndarray,
        gallery_ids: np.ndarray,
        probe_cameras: np.ndarray | None = None,
        gallery_cameras: np.ndarray | None = None,
        ranks: Sequence[int] = RANKS,
        unmatched_probes: str = "refuse",
        own: np.ndarray | None = None,
    ):
        """Takes the labels; see `evaluate_ranking`. Refuses unanswerable probes.

        Args:
          own: whole numbers [P], the gallery position of the probe's own image, which
            is ignored for this probe as a match; -1: none.
        """
        if unmatched_probes not in UNMATCHED_PROBES:
            raise errors.UserError(
                f"unmatched_probes={unmatched_probes!r}: expected one of "
                f"{', '.join(UNMATCHED_PROBES)}"
            )
        self._probe_ids = _vector(probe_ids, "probe_ids")
        self._gallery_ids = _vector(gallery_ids, "gallery_ids")
        if not len(self._probe_ids) or not len(self._gallery_ids):
            raise errors.UserError(
                f"nothing to rank: {len(self._probe_ids)} probes against "
                f"{len(self._gallery_ids)} gallery images; both must be at least 1"
            )
        if (probe_cameras is None) != (gallery_cameras is None):
            raise errors.UserError(
                "cameras were given for only one of probes and gallery: give "
                "probe_cameras and gallery_cameras, or neither"
            )
        self._cameras = None
        if probe_cameras is not None:
            self._cameras = (
                _vector(probe_cameras, "probe_cameras", len(self._probe_ids)),
                _vector(gallery_cameras, "gallery_cameras", len(self._gallery_ids)),
            )
        self._own = None if own is None else _vector(own, "own", len(self._probe_ids))
        self._ranks = tuple(ranks)
        if any(rank != int(rank) or rank < 1 for rank in self._ranks):
            raise errors.UserError(f"ranks must be whole and at least 1: {ranks}")
        # Gallery positions grouped by identity; within a group in gallery order.
        self._grouped = np.argsort(self._gallery_ids, kind="stable")
        grouped_ids = self._gallery_ids[self._grouped]
        self._starts = np.searchsorted(grouped_ids, self._probe_ids, side="left")
        self._ends = np.searchsorted(grouped_ids, self._probe_ids, side="right")
        self._check_every_probe_has_a_match(unmatched_probes == "apart")
        self._average_precisions: list[float] = []
        self._first_match_ranks: list[int] = []

    def blocks(self) -> list[slice]:
        """Slices over the probes, in order, each small enough to score at once."""
        rows = max(1, _PROBE_BLOCK_SCORES // len(self._gallery_ids))
        total = len(self._probe_ids)
        return [slice(i, min(i + rows, total)) for i in range(0, total, rows)]

    def add(self, scores: np.ndarray) -> None:
        """Ranks the next probes by their scores [n, G]; higher = more alike."""
        scores = _real_array(scores)
        done = len(self._average_precisions)
        left, gallery = len(self._probe_ids) - done, len(self._gallery_ids)
        if scores.ndim != 2 or scores.shape[1] != gallery or len(scores) > left:
            raise errors.UserError(
                f"scores have shape {scores.shape}, expected [probes, gallery] = "
                f"[{left}, {gallery}]"
                + (f" at most, after {done} probes" if done else "")
            )
        for probe, row in enumerate(scores, start=done):
            ranks = self._true_match_ranks(probe, row)
            if not len(ranks):
                self._average_precisions.append(np.nan)
                self._first_match_ranks.append(0)
                continue
            hits = np.arange(1, len(ranks) + 1)
            self._average_precisions.append(float(np.mean(hits / ranks)))
            self._first_match_ranks.append(int(ranks[0]))

    def result(self) -> RankingResult:
        """The metrics, once every probe has been added."""
        done, total = len(self._average_precisions), len(self._probe_ids)
        if done != total:
            raise errors.UserError(f"scores of {done} probes were given, not {total}")
        average_precisions = np.array(self._average_precisions)
        first = np.array(self._first_match_ranks, dtype=np.int64)
        matched = first > 0
        return RankingResult(
            cmc={int(k): float(np.mean(first[matched] <= k)) for k in self._ranks},
            mean_average_precision=float(average_precisions[matched].mean()),
            average_precisions=average_precisions,
            first_match_ranks=first,
            unmatched=np.flatnonzero(~matched),
        )

    def _matches(self, probe: int) -> tuple[np.ndarray, np.ndarray]:
        """Gallery positions of a probe's true matches and of those to ignore."""
        same = self._grouped[self._starts[probe] : self._ends[probe]]
        ignored = np.zeros(len(same), bool)
        if self._cameras is not None:
            probe_cameras, gallery_cameras = self._cameras
            ignored |= gallery_cameras[same] == probe_cameras[probe]
        if self._own is not None:
            ignored |= same == self._own[probe]
        return same[~ignored], same[ignored]

    def _true_match_ranks(self, probe: int, row: np.ndarray) -> np.ndarray:
        """Ranks of a probe's true matches, rising: int64 [m].

        The rank of a match is 1 + the images with a higher score + those with an
        equal score at an earlier position, the ignored ones not counted. One sort
        of the row's values and a binary search per match give the first count; no
        order over the gallery is needed, which is what makes this cheap.
        """
        ordered = np.sort(row)
        if ordered[-1] != ordered[-1]:  # NaN sorts to the end
            raise errors.UserError(
                f"scores of probe {probe} (identity {self._probe_ids[probe]}) hold "
                "NaN, which has no rank: the features or the model are not finite"
            )
        matches, ignored = self._matches(probe)
        values = row[matches]
        not_above = np.searchsorted(ordered, values, side="right")
        above = len(row) - not_above
        equals = not_above - np.searchsorted(ordered, values, side="left")
        for tied in np.flatnonzero(equals > 1):
            above[tied] += np.count_nonzero(row[: matches[tied]] == values[tied])
        if len(ignored):
            other = row[ignored]
            higher = other > values[:, None]
            earlier = (other == values[:, None]) & (ignored < matches[:, None])
            above -= np.count_nonzero(higher | earlier, axis=1)
        return np.sort(above) + 1

    def _check_every_probe_has_a_match(self, apart: bool) -> None:
        counts = self._ends - self._starts
        if self._cameras is not None or self._own is not None:
            counts = [len(self._matches(i)[0]) for i in range(len(self._probe_ids))]
        if self._cameras is None:
            reason = "the gallery holds no image of the same identity"
            remedy = (
                "check that both use the same ids, leave these probes out, or count "
                "them apart (unmatched_probes='apart', --unmatched_probes=apart)"
            )
        else:
            reason = "the gallery holds no image of the same identity by another camera"
            remedy = (
                "for data seen by one camera only, or without camera numbers, give "
                "no cameras (--camera_rule=none); else leave these probes out, or "
                "count them apart (unmatched_probes='apart', --unmatched_probes=apart)"
            )
        lost = np.flatnonzero(np.asarray(counts) == 0)
        if not len(lost) or (apart and len(lost) < len(self._probe_ids)):
            return
        named = ", ".join(
            f"probe {i} (identity {self._probe_ids[i]}"
            + (f", camera {self._cameras[0][i]})" if self._cameras else ")")
            for i in lost[:_NAMED_IN_ERRORS]
        )
        more = len(lost) - _NAMED_IN_ERRORS
        raise errors.UserError(
            f"{len(lost)} of {len(self._probe_ids)} probes have no true match: "
            f"{named}{f' and {more} more' if more > 0 else ''}; {reason}: {remedy}"
        )


def evaluate_ranking(
    scores: np.ndarray,
    probe_ids: np.ndarray,
    gallery_ids: np.ndarray,
    probe_cameras: np.ndarray | None = None,
    gallery_cameras: np.ndarray | None = None,
    ranks: Sequence[int] = RANKS,
    unmatched_probes: str = "refuse",
) -> RankingResult:
    """CMC and mAP of P probes against G gallery images.

    Args:
      scores: real [P, G], higher = more alike. Infinite values are ordered as
        numbers; NaN is an error.
      probe_ids: whole numbers [P], the identities of the probes.
      gallery_ids: whole numbers [G]; identities that no probe has are distractors.
      probe_cameras: whole numbers [P]. Cameras given = the Market-1501 rule: gallery
        images of the probe's own identity *and* camera are ignored for this probe.
      gallery_cameras: whole numbers [G]; given together with `probe_cameras`.
      ranks: ranks at which the CMC is wanted.
      unmatched_probes: `refuse` (an error), or `apart`: probes without a true match
        are listed in `unmatched` and left out of the CMC and of the mean AP. The
        Market-1501 rule can make such probes: those of people whom only the probe's
        own camera saw.

    Returns:
      A `RankingResult`; its values are in 0..1.

    Raises:
      UserError: shapes that do not fit, NaN, or probes without a true match (their
        number, and the first of them by name); with `apart`, if that is all of them.
    """
    accumulator = RankingAccumulator(
        probe_ids,
        gallery_ids,
        probe_cameras,
        gallery_cameras,
        ranks,
        unmatched_probes,
    )
    accumulator.add(scores)
    return accumulator.result()


def _vector(values: np.ndarray, name: str, length: int | None = None) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 1 or (length is not None and len(values) != length):
        wanted = "one dimension" if length is None else f"shape ({length},)"
        raise errors.UserError(f"{name} has shape {values.shape}, expected {wanted}")
    if len(values) and values.dtype.kind not in "iu":
        raise errors.UserError(f"{name} must be whole numbers, found {values.dtype}")
    # NumPy compares uint64 with int64 as float64, which merges ids above 2^53.
    largest = np.iinfo(np.int64).max
    if values.dtype.kind == "u" and len(values) and int(values.max()) > largest:
        raise errors.UserError(
            f"{name} holds {values.max()}, expected at most {largest} (int64): number "
            "the identities or cameras anew, from 0"
        )
    return values.astype(np.int64)


def _real_array(scores: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores)
    if scores.dtype.kind in "fiu":
        return scores
    if scores.dtype.kind == "V":  # bfloat16 and its like: numpy cannot sort them
        return scores.astype(np.float32)
    raise errors.UserError(f"scores must be real numbers, found {scores.dtype}")
