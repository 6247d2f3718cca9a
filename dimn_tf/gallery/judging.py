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
        own_entries: Probes whose own entry was passed over.
    """

    ranking: ranking.RankingResult
    false_accepts: tuple[float | None, ...]
    true_accepts: tuple[float | None, ...]
    own_entries: int = 0


def rank_probes(
    gallery: base.BaseGallery,
    probe_features: np.ndarray,
    persons: Sequence[str],
    unmatched_probes: str = "refuse",
    thresholds: Sequence[float] = (),
    probe_entries: Sequence[str] | None = None,
) -> Judgement:
    """Searches the whole gallery for each probe and judges the order by persons.

    Entries without a person are nobody's true match. Of equal scores, the entry that
    comes first by its id ranks higher. What an approximate index leaves out ranks last.
    A probe that is enrolled finds itself: its own entry is passed over, as an image is
    by `--own_trials=all`.

    Args:
        gallery: Of E entries, its `largest_k` at most.
        probe_features: Real [P, D].
        persons: The probes' [P], as the entries' `person_id`.
        unmatched_probes: See `ranking.evaluate_ranking`.
        thresholds: Of the likeness (see `calibration.likeness`).
        probe_entries: The ids [P] that the probes' own entries have, where they are
            enrolled; None: none is.

    Raises:
        errors.UserError: an empty gallery, one that holds more entries than it gives
            in a search, persons that are not enrolled or by the probe alone, or entries
            that were added, removed or given other persons meanwhile.
    """
    persons = [names_lib.one(person) for person in persons]
    there = gallery.persons()
    entries = {
        name: None if person is None else names_lib.one(person)
        for name, person in there.items()
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
    own = np.full(len(persons), -1)
    if probe_entries is not None:
        own[:] = [places.get(name, -1) for name in probe_entries]
    _refuse_lost(probe_ids, gallery_ids, own, probe_entries, unmatched_probes)
    # With a camera for each entry, the camera rule leaves out just the own one.
    accumulator = ranking.RankingAccumulator(
        probe_ids,
        gallery_ids,
        own if (own >= 0).any() else None,
        np.arange(len(names)) if (own >= 0).any() else None,
        unmatched_probes=unmatched_probes,
    )
    at_once = max(1, min(_PROBES, _HITS // len(names)))
    accepted, pairs = np.zeros((2, len(thresholds))), np.zeros(2)
    for block in accumulator.blocks():
        features = probe_features[block]
        scores = _scores(gallery, features, places, at_once)
        itself = own[block, np.newaxis] == np.arange(len(names))
        likeness = scores / np.linalg.norm(features, axis=1, keepdims=True)
        scores[itself] = -np.inf  # Under another person's name it is no rival either.
        accumulator.add(scores)
        genuine = probe_ids[block, np.newaxis] == gallery_ids
        for i, chosen in enumerate((~genuine & (gallery_ids >= 0), genuine)):
            counted = chosen & ~itself
            pairs[i] += counted.sum()
            for k, threshold in enumerate(thresholds):
                accepted[i, k] += measures.reaches(likeness[counted], threshold).sum()
    if gallery.persons() != there:
        raise _changed(gallery)
    shares = [
        tuple(row / count if count else None for row in rows.tolist())
        for rows, count in zip(accepted, pairs.tolist(), strict=True)
    ]
    return Judgement(accumulator.result(), *shares, own_entries=int((own >= 0).sum()))


def _refuse_lost(probe_ids, gallery_ids, own, probe_entries, unmatched_probes) -> None:
    """Refuses probes that are their person's only entry, unless they count apart."""
    numbers, counts = np.unique(gallery_ids, return_counts=True)
    entries_of = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    left = np.array([entries_of.get(n, 0) for n in probe_ids.tolist()], np.int64)
    found = own >= 0
    left[found] -= gallery_ids[own[found]] == probe_ids[found]
    lost = np.flatnonzero((left == 0) & found)
    if unmatched_probes == "refuse" or (len(lost) and not left.any()):
        entries_lib.refuse_names(
            [probe_entries[i] for i in lost],
            "probes are themselves the only entry of their person, and are passed over",
            "Enrol other images of these people, leave their probes out, or count them "
            "apart (--unmatched_probes=apart)",
        )


def _scores(gallery, features, places, at_once) -> np.ndarray:
    """float32 [P, E], of entries by `places`; the lowest where a search left it out."""
    scores = np.full((len(features), len(places)), _NOT_FOUND, np.float32)
    for start in range(0, len(features), at_once):
        found = gallery.search(features[start : start + at_once], len(places))
        for row, hits in zip(scores[start:], found, strict=False):
            if not all(hit.entry_id in places for hit in hits):
                raise _changed(gallery)
            row[[places[hit.entry_id] for hit in hits]] = [h.score for h in hits]
    return scores


def _changed(gallery: base.BaseGallery) -> errors.UserError:
    return errors.UserError(
        f"{gallery.name}: entries were added, removed or given other persons while it "
        "was searched, so that ranks would be of no one gallery. Run it again when "
        "nothing writes to it (stop the service or the enrolment)"
    )
