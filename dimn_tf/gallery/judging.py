"""How well a gallery is searched: CMC and mAP of probes whose person is known."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np

from dimn_tf import errors
from dimn_tf.evaluation import measures, ranking
from dimn_tf.evaluation.protocols import trial
from dimn_tf.gallery import base, filters
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
        same_camera: Probes with a match, not their own entry, from their own camera.
    """

    ranking: ranking.RankingResult
    false_accepts: tuple[float | None, ...]
    true_accepts: tuple[float | None, ...]
    own_entries: int = 0
    same_camera: int = 0


def rank_probes(
    gallery: base.BaseGallery,
    probe_features: np.ndarray,
    persons: Sequence[str],
    unmatched_probes: str = "refuse",
    thresholds: Sequence[float] = (),
    probe_entries: Sequence[str] | None = None,
    probe_cameras: Sequence[str | None] | None = None,
    camera_rule: str = trial.NO_RULE,
) -> Judgement:
    """Searches the whole gallery for each probe and judges the order by persons.

    Entries without a person are nobody's true match. Of equal scores, the entry that
    comes first by its id ranks higher. What an approximate index leaves out ranks last.
    A probe that is enrolled finds itself: its own entry is passed over.

    Args:
        gallery: Of E entries, its `largest_k` at most.
        probe_features: Real [P, D].
        persons: The probes' [P], as the entries' `person_id`.
        unmatched_probes: See `ranking.evaluate_ranking`.
        thresholds: Of the likeness (see `calibration.likeness`).
        probe_entries: The ids [P] that the probes' own entries have, where they are
            enrolled; None: none is.
        probe_cameras: The probes' cameras [P], as the entries' `camera_id`; None: of a
            probe, or of all, none is known.
        camera_rule: `cross_camera`: a probe's matches from its own camera are passed
            over (the Market-1501 rule), in pairs of one person too; `none`: they count.

    Raises:
        errors.UserError: an empty gallery, one that holds more entries than it gives
            in a search, persons that are not enrolled or by the probe or its camera
            alone, or entries that were added, removed or labelled anew meanwhile.
    """
    persons = [names_lib.one(person) for person in persons]
    cameras = [_one(camera) for camera in probe_cameras or [None] * len(persons)]
    there = _labels(gallery, with_cameras=any(cameras))
    if not there:
        raise errors.UserError(f"{gallery.name}: it holds no entry. Enrol images first")
    if unmatched_probes == "refuse":
        entries_lib.refuse_names(
            sorted({*persons} - {person for person, _ in there.values()}),
            "persons of probes are not enrolled",
            "Leave their probes out, or count them apart (--unmatched_probes=apart)",
        )
    names = sorted(there)
    places = {name: i for i, name in enumerate(names)}
    probe_ids, gallery_ids = _numbers(persons, [there[name][0] for name in names])
    probe_seen, gallery_seen = _numbers(cameras, [there[name][1] for name in names])
    own = np.full(len(persons), -1)
    if probe_entries is not None:
        own[:] = [places.get(name, -1) for name in probe_entries]
    across = camera_rule == trial.CROSS_CAMERA
    told = [f"{p} (camera {c})" for p, c in zip(persons, cameras, strict=True)]
    _refuse_lost(probe_ids, gallery_ids, own, probe_entries, unmatched_probes)
    if across:
        _refuse_lost_across(
            (probe_ids, gallery_ids), (probe_seen, gallery_seen), own, told,
            unmatched_probes,
        )  # fmt: skip
    accumulator = ranking.RankingAccumulator(
        probe_ids,
        gallery_ids,
        probe_seen if across else None,
        gallery_seen if across else None,
        unmatched_probes=unmatched_probes,
        own=own,
    )
    at_once = max(1, min(_PROBES, _HITS // len(names)))
    accepted, pairs, same_camera = np.zeros((2, len(thresholds))), np.zeros(2), 0
    for block in accumulator.blocks():
        features = probe_features[block]
        scores = _scores(gallery, features, places, at_once)
        itself = own[block, np.newaxis] == np.arange(len(names))
        likeness = scores / np.linalg.norm(features, axis=1, keepdims=True)
        scores[itself] = -np.inf  # Under another person's name it is no rival either.
        accumulator.add(scores)
        genuine = probe_ids[block, np.newaxis] == gallery_ids
        near = genuine & (probe_seen[block, np.newaxis] == gallery_seen) & ~itself
        same_camera += int(near.any(axis=1).sum())
        passed_over = itself | near if across else itself
        for i, chosen in enumerate((~genuine & (gallery_ids >= 0), genuine)):
            counted = chosen & ~passed_over
            pairs[i] += counted.sum()
            for k, threshold in enumerate(thresholds):
                accepted[i, k] += measures.reaches(likeness[counted], threshold).sum()
    if _labels(gallery, with_cameras=any(cameras)) != there:
        raise _changed(gallery)
    shares = [
        tuple(row / count if count else None for row in rows.tolist())
        for rows, count in zip(accepted, pairs.tolist(), strict=True)
    ]
    return Judgement(
        accumulator.result(),
        *shares,
        own_entries=int((own >= 0).sum()),
        same_camera=same_camera,
    )


def _one(name: str | None) -> str | None:
    return None if name is None else names_lib.one(name)


def _labels(
    gallery: base.BaseGallery, with_cameras: bool
) -> dict[str, tuple[str | None, str | None]]:
    """Person and camera of each entry; where no camera is asked for, None."""
    if not with_cameras:
        return {name: (_one(p), None) for name, p in gallery.persons().items()}
    return {
        known.entry_id: (
            _one(known.person_id),
            _one(filters.text_of(known.metadata, filters.CAMERA)),
        )
        for known in gallery.each()
    }


def _numbers(
    of_probes: Sequence[str | None], of_entries: Sequence[str | None]
) -> tuple[np.ndarray, np.ndarray]:
    """int64 [P] and [E]: one name, one number; only known names can be equal.

    An entry's is 0 for a name that no probe has, -1 where none is known; a probe's is
    -2 where none is.
    """
    known = sorted({name for name in of_probes if name is not None})
    numbers = {name: i for i, name in enumerate(known, start=1)}
    return (
        np.array([-2 if n is None else numbers[n] for n in of_probes], np.int64),
        np.array(
            [-1 if n is None else numbers.get(n, 0) for n in of_entries], np.int64
        ),
    )


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


def _refuse_lost_across(ids, seen, own, told, unmatched_probes) -> None:
    """Refuses probes whose matches are all from their own camera, likewise."""
    (probe_ids, gallery_ids), (probe_seen, gallery_seen) = ids, seen
    counts = collections.Counter(gallery_ids.tolist())
    pairs = zip(gallery_ids.tolist(), gallery_seen.tolist(), strict=True)
    of_camera = collections.Counter(pairs)
    left = np.zeros(len(own), np.int64)
    for i, pair in enumerate(zip(probe_ids.tolist(), probe_seen.tolist(), strict=True)):
        left[i] = counts[pair[0]] - of_camera[pair]
        if own[i] >= 0 and gallery_ids[own[i]] == pair[0]:
            left[i] -= gallery_seen[own[i]] != pair[1]  # Else it is counted already.
    if unmatched_probes == "refuse" or not left.any():
        entries_lib.refuse_names(
            sorted({told[i] for i in np.flatnonzero(left == 0)}),
            "persons of probes are not enrolled from another camera than the probe's",
            "Leave their probes out, count them apart (--unmatched_probes=apart), or "
            f"let matches from one camera count (--camera_rule={trial.NO_RULE})",
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
        f"{gallery.name}: entries were added, removed or given other labels while it "
        "was searched, so that ranks would be of no one gallery. Run it again when "
        "nothing writes to it (stop the service or the enrolment)"
    )
