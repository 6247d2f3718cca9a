"""How well a gallery is searched: CMC and mAP of probes whose person is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dimn_tf import errors
from dimn_tf.evaluation import ranking
from dimn_tf.gallery import base
from dimn_tf.gallery import entries as entries_lib

_PROBES, _HITS = 64, 200_000  # Most of a search, so that its answer stays small.
_NOT_FOUND = np.finfo(np.float32).min


def rank_probes(
    gallery: base.BaseGallery,
    probe_features: np.ndarray,
    persons: Sequence[str],
    unmatched_probes: str = "refuse",
) -> ranking.RankingResult:
    """Searches the whole gallery for each probe and judges the order by persons.

    Entries without a person are nobody's true match. Of equal scores, the entry that
    comes first by its id ranks higher. What an approximate index leaves out ranks last.

    Args:
        gallery: Of E entries, its `largest_k` at most.
        probe_features: Real [P, D].
        persons: The probes' [P], as the entries' `person_id`.
        unmatched_probes: See `ranking.evaluate_ranking`.

    Raises:
        errors.UserError: an empty gallery, one that holds more entries than it gives
            in a search, or persons that are not enrolled.
    """
    entries = gallery.persons()
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
    accumulator = ranking.RankingAccumulator(
        np.array([numbers[person] for person in persons]),
        np.array([numbers.get(entries[name], 0) for name in names]),
        unmatched_probes=unmatched_probes,
    )
    at_once = max(1, min(_PROBES, _HITS // len(names)))
    for block in accumulator.blocks():
        features = probe_features[block]
        scores = np.full((len(features), len(names)), _NOT_FOUND, np.float32)
        for start in range(0, len(features), at_once):
            found = gallery.search(features[start : start + at_once], len(names))
            for row, hits in zip(scores[start:], found, strict=False):
                row[[places[hit.entry_id] for hit in hits]] = [h.score for h in hits]
        accumulator.add(scores)
    return accumulator.result()
