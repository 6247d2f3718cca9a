"""Whether two runs differ: their difference in mean mAP with its interval.

Paired bootstrap over identities: within each target the identities are drawn anew
with replacement, each with all its probes of all trials (images of a person are not
independent, nor are the trials, which share persons), and both runs are judged on
the same draw. The point estimate is the difference of the two printed means.
`scipy.stats.bootstrap` resamples, over the positions of the identities, so that both
runs, and the mean and its targets, are judged on common resamples.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import scipy.stats

from dimn_tf import errors
from dimn_tf.evaluation import results_files, seen_in_training

RESAMPLES = 10_000
_CONFIDENCE = 0.95
_BLOCK = 10_000_000  # identities drawn at a time, over all resamples (80 MB)


class TooFewIdentitiesError(errors.UserError):
    """A target's people are too few for an interval.

    Args:
      message: for the user.
      target: its name.
    """

    def __init__(self, message: str, target: str):
        super().__init__(message)
        self.target = target


def compare(
    path_a: str | os.PathLike,
    path_b: str | os.PathLike,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Run A minus run B, in points of mAP, with 95 % percentile intervals.

    Args:
      path_a: a results file with its per-probe file beside it.
      path_b: likewise, evaluated on the same targets and trials.
      resamples: how many resamples.
      seed: of the resamples.

    Returns:
      `difference` of the means over targets, `interval` [low, high],
      `excludes_zero`, the same of each target under `targets`, and what made them;
      `trained_on` of a run where it saw persons of a target (`seen_in_training`).

    Raises:
      UserError: the two runs were not judged on the same trials, or the images were
        labelled otherwise in one, or a per-probe file is not of its results.
      TooFewIdentitiesError: a target has fewer than two identities with a true match,
        which tell no interval.
    """
    figures_a, figures_b = results_files.read(path_a), results_files.read(path_b)
    _check_same_trials(path_a, figures_a, path_b, figures_b)
    sums, counts = _sums_by_identity(
        _own_probes(path_a, figures_a),
        _own_probes(path_b, figures_b),
        (path_a, path_b),
    )
    for target, of_target in counts.items():
        if len(of_target) < 2:
            raise TooFewIdentitiesError(
                f"{path_a} and {path_b}: {target} has {len(of_target)} identity with a "
                "true match, an interval over identities needs two or more. Evaluate "
                "both with more people in the target",
                target,
            )
    estimates = _differences(sums, counts)
    low, high = _interval(sums, counts, resamples, seed)
    rows = [_summary(*row) for row in zip(estimates, low, high, strict=True)]
    return {
        **rows[0],
        "targets": dict(zip(sums, rows[1:], strict=True)),
        "identities": {name: len(counts[name]) for name in sums},
        "a": _told(path_a, figures_a),
        "b": _told(path_b, figures_b),
        "confidence": _CONFIDENCE,
        "resamples": resamples,
        "seed": seed,
    }


def _told(path, figures) -> dict[str, Any]:
    """Which run it is; with what it was trained on of its targets, if anything."""
    seen = {
        name: str(seen_in_training.Seen(**values["seen_in_training"]))
        for name, values in figures["targets"].items()
        if "seen_in_training" in values
    }
    return {
        "results": str(path),
        "method": figures.get("method"),
        **({"trained_on": seen} if seen else {}),
    }


def _own_probes(path, figures) -> list[dict[str, str]]:
    """The probes of a results file, once they are known to be its own."""
    probes = results_files.read_probes(path)
    try:
        results_files.refuse_other_probes(figures, probes)
    except errors.UserError as error:
        raise errors.UserError(
            f"{path}: {error}. Evaluate again to write both, or restore the two files "
            "that belong together"
        ) from error
    return probes


def _differences(sums, counts, chosen=None) -> np.ndarray:
    """The mean over targets, then each target: [1 + T], or [1 + T, resamples].

    Args:
      sums: target -> [identities], AP differences in points added up.
      counts: target -> [identities], the probes that they are of.
      chosen: of each target, positions of identities [resamples, identities]; None:
        each identity once.
    """
    chosen = [slice(None)] * len(sums) if chosen is None else chosen
    each = [
        sums[target][of_target].sum(-1) / counts[target][of_target].sum(-1)
        for target, of_target in zip(sums, chosen, strict=True)
    ]
    return np.stack([np.mean(each, axis=0), *each])


def _interval(sums, counts, resamples, seed) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends for each of `_differences`: [1 + T] twice."""
    positions = [np.arange(len(of_target)) for of_target in counts.values()]
    found = scipy.stats.bootstrap(
        positions,
        lambda *chosen, axis: _differences(sums, counts, chosen),
        n_resamples=resamples,
        batch=max(1, min(resamples, _BLOCK // sum(map(len, positions)))),
        vectorized=True,
        confidence_level=_CONFIDENCE,
        method="percentile",
        random_state=np.random.default_rng(seed),
    )
    return found.confidence_interval.low, found.confidence_interval.high


def _summary(estimate: float, low: float, high: float) -> dict[str, Any]:
    return {
        "difference": round(float(estimate), 3),
        "interval": [round(float(low), 3), round(float(high), 3)],
        "excludes_zero": bool(low > 0 or high < 0),
    }


def _sums_by_identity(rows_a, rows_b, paths) -> tuple[dict, dict]:
    """Target -> per identity, the sum of AP differences in points, and of probes."""
    keyed_a, keyed_b = (
        {(r["target"], r["trial"], r["probe"]): r for r in rows}
        for rows in (rows_a, rows_b)
    )
    if set(keyed_a) != set(keyed_b) or not keyed_a:
        raise errors.UserError(
            f"{paths[0]} and {paths[1]} do not list the same probes "
            f"({len(keyed_a)} and {len(keyed_b)}, {len(set(keyed_a) & set(keyed_b))} "
            "in common): evaluate both on the same targets and trials"
        )
    sums: dict[str, dict[str, float]] = {}
    counts: dict[str, dict[str, int]] = {}
    for key, row in keyed_a.items():
        _check_same_person(key, row, keyed_b[key], paths)
        if not row["average_precision"]:  # without a true match, counted apart
            continue
        target, person = row["target"], row["person_id"]
        gain = float(row["average_precision"])
        gain -= float(keyed_b[key]["average_precision"])
        sums.setdefault(target, {}).setdefault(person, 0.0)
        counts.setdefault(target, {}).setdefault(person, 0)
        sums[target][person] += 100 * gain
        counts[target][person] += 1
    arrays = [
        {target: np.array(list(persons.values())) for target, persons in table.items()}
        for table in (sums, counts)
    ]
    return arrays[0], arrays[1]


def _check_same_person(key, row_a, row_b, paths) -> None:
    """Refuses a probe that is of two persons, or has a true match in one run alone."""
    persons = row_a["person_id"], row_b["person_id"]
    matched = [bool(row["average_precision"]) for row in (row_a, row_b)]
    if persons[0] == persons[1] and matched[0] == matched[1]:
        return
    target, trial, probe = key
    if persons[0] != persons[1]:
        told = f"is of person {persons[0]} in one and {persons[1]} in the other"
    else:
        told = f"has a true match in {paths[0 if matched[0] else 1]} alone"
    raise errors.UserError(
        f"{paths[0]} and {paths[1]}: probe {probe} of {target}, {trial} {told}: the "
        "images were labelled otherwise. Evaluate both with the same labels"
    )


def _check_same_trials(path_a, figures_a, path_b, figures_b) -> None:
    hashes = [
        {name: row.get("trials_sha256") for name, row in figures["targets"].items()}
        for figures in (figures_a, figures_b)
    ]
    if hashes[0] == hashes[1] and None not in hashes[0].values():
        relabelled = results_files.labelled_otherwise(
            figures_a["targets"], figures_b["targets"]
        )
        if relabelled:
            raise errors.UserError(
                f"{path_a} and {path_b} were judged on the same images, but their "
                f"persons or cameras differ in {', '.join(relabelled)}: the labels "
                "were changed between the two. Evaluate both with the same labels"
            )
        return
    differing = sorted(
        name
        for name in set(hashes[0]) | set(hashes[1])
        if hashes[0].get(name) != hashes[1].get(name) or not hashes[0].get(name)
    )
    raise errors.UserError(
        f"{path_a} and {path_b} were not judged on the same trials: they differ in "
        f"{', '.join(differing)}. Evaluate both with the same --targets and options"
    )
