"""How well a gallery is searched: CMC and mAP of probes whose person is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dimn_tf import errors
from dimn_tf.evaluation import ranking
from dimn_tf.gallery import base
from dimn_tf.gallery import entries as entries_lib

_BLOCK = 64
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
        errors.UserError: an empty gallery, or one too large to be ranked whole.
    """
    count = len(gallery)
    if not count:
        raise errors.UserError(f"{gallery.name}: it holds no entry. Enrol images first")
    blocks = [
        gallery.search(probe_features[start : start + _BLOCK], count)
        for start in range(0, len(probe_features), _BLOCK)
    ]
    found = [hits for block in blocks for hits in block]
    entries = {hit.entry_id: hit.person_id for hits in found for hit in hits}
    if unmatched_probes == "refuse":
        enrolled = {*entries.values()}
        entries_lib.refuse_names(
            sorted({*persons} - enrolled),
            "persons of probes are not enrolled",
            "Leave their probes out, or count them apart (--unmatched_probes=apart)",
        )
    names = sorted(entries)
    places = {name: i for i, name in enumerate(names)}
    scores = np.full((len(found), len(names)), _NOT_FOUND, np.float32)
    for row, hits in zip(scores, found, strict=True):
        row[[places[hit.entry_id] for hit in hits]] = [hit.score for hit in hits]
    numbers = {person: i for i, person in enumerate(sorted({*persons}), start=1)}
    return ranking.evaluate_ranking(
        scores,
        np.array([numbers[person] for person in persons]),
        np.array([numbers.get(entries[name], 0) for name in names]),
        unmatched_probes=unmatched_probes,
    )
