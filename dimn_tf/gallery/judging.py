"""How well a gallery is searched: CMC and mAP of probes whose person is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from dimn_tf import errors
from dimn_tf.evaluation import measures, ranking
from dimn_tf.gallery import base
from dimn_tf.gallery import entries as entries_lib
from dimn_tf.gallery import names as names_lib

_PROBES, _HITS = 64, 200_000  # Most of a search, so that its answer stays small.
_NOT_FOUND = np.finfo(np.float32).min


@dataclasses.dataclass(frozen=True)
class Judgement:
    """How well probes were searched for.

    Attributes:
        ranking: CMC and mAP.
        false_accepts: For each threshold the share, 0..1, of pairs of a probe and an
            entry of two known persons whose likeness reaches it; None without any such
            pair.
        true_accepts: That of pairs of one person.
    """

    ranking: ranking.RankingResult
    false_accepts: tuple[float | None, ...]
    true_accepts: tuple[float | None, ...]


def rank_probes(
    gallery: base.BaseGallery,
    probe_features: np.ndarray,
    persons: Sequence[str],
    unmatched_probes: str = "refuse",
    thresholds: Sequence[float] = (),
) -> Judgement:
    """Searches the whole gallery for each probe and judges the order by persons.

    Entries without a person are nobody's true match. Of equal scores, the entry that
    comes first by its id ranks higher. What an approximate index leaves out ranks last.

    Args:
        gallery: Of E entries, its `largest_k` at most.
        probe_features: Real [P, D].
        persons: The probes' [P], as the entries' `person_id`.
        unmatched_probes: See `ranking.evaluate_ranking`.
        thresholds: Of the likeness (see `calibration.likeness`).

    Raises:
        errors.UserError: an empty gallery, one that holds more entries than it gives
            in a search, or persons that are not enrolled.
    """
    persons = [names_lib.one(person) for person in persons]
    entries = {
        name: None if person is None else names_lib.one(person)
        for name, person in gallery.persons().items()
    }
    if not entries:
        raise errors.UserError(f"{gallery.name}: it holds no entry. Enrol images first")
    if unmatched_probes == "refuse":
        entries_lib.refuse_names(
            sorted({*persons} - {*entries.values()}),
            "persons of probes are not enrolled",
            "Leave their probes out, or count them apart (--unmatched_probes=apart)",
        )
    names = sorted(entries)
    places = {name: i for i, name in enumerate(names)}
    numbers = {person: i for i, person in enumerate(sorted({*persons}), start=1)}
    probe_ids = np.array([numbers[person] for person in persons])
    # 0: a person that no probe is of; -1: none is known.
    gallery_ids = np.array(
        [-1 if entries[n] is None else numbers.get(entries[n], 0) for n in names]
    )
    accumulator = ranking.RankingAccumulator(
        probe_ids, gallery_ids, unmatched_probes=unmatched_probes
    )
    at_once = max(1, min(_PROBES, _HITS // len(names)))
    accepted, pairs = np.zeros((2, len(thresholds))), np.zeros(2)
    for block in accumulator.blocks():
        features = probe_features[block]
        scores = np.full((len(features), len(names)), _NOT_FOUND, np.float32)
        for start in range(0, len(features), at_once):
            found = gallery.search(features[start : start + at_once], len(names))
            for row, hits in zip(scores[start:], found, strict=False):
                row[[places[hit.entry_id] for hit in hits]] = [h.score for h in hits]
        accumulator.add(scores)
        likeness = scores / np.linalg.norm(features, axis=1, keepdims=True)
        genuine = probe_ids[block, np.newaxis] == gallery_ids
        for i, chosen in enumerate((~genuine & (gallery_ids >= 0), genuine)):
            pairs[i] += chosen.sum()
            for k, threshold in enumerate(thresholds):
                accepted[i, k] += measures.reaches(likeness[chosen], threshold).sum()
    shares = [
        tuple(row / count if count else None for row in rows.tolist())
        for rows, count in zip(accepted, pairs.tolist(), strict=True)
    ]
    return Judgement(accumulator.result(), *shares)
