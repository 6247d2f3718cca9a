"""Whether two runs differ: their difference in mean mAP with its interval.

Paired bootstrap over identities: within each target the identities are drawn anew
with replacement, each with all its probes of all trials (images of a person are not
independent, nor are the trials, which share persons), and both runs are judged on
the same draw. The point estimate is the difference of the two printed means.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from dimn_tf import errors
from dimn_tf.evaluation import results_files

RESAMPLES = 10_000
_BLOCK = 1000  # resamples drawn at a time


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
      resamples: how many bootstrap draws.
      seed: of the draws.

    Returns:
      `difference` of the means over targets, `interval` [low, high],
      `excludes_zero`, the same of each target under `targets`, and what made them.

    Raises:
      UserError: the two runs were not judged on the same trials.
    """
    figures_a, figures_b = results_files.read(path_a), results_files.read(path_b)
    _check_same_trials(path_a, figures_a, path_b, figures_b)
    sums, counts = _sums_by_identity(
        results_files.read_probes(path_a),
        results_files.read_probes(path_b),
        (path_a, path_b),
    )
    rng = np.random.default_rng(seed)
    estimates, draws = {}, {}
    for target in sums:
        estimates[target] = sums[target].sum() / counts[target].sum()
        draws[target] = _resample(sums[target], counts[target], resamples, rng)
    mean = np.mean(list(draws.values()), axis=0)
    return {
        **_summary(np.mean(list(estimates.values())), mean),
        "targets": {name: _summary(estimates[name], draws[name]) for name in sums},
        "identities": {name: len(counts[name]) for name in sums},
        "a": {"results": str(path_a), "method": figures_a.get("method")},
        "b": {"results": str(path_b), "method": figures_b.get("method")},
        "confidence": 0.95,
        "resamples": resamples,
        "seed": seed,
    }


def _resample(sums, counts, resamples, rng) -> np.ndarray:
    """Bootstrap draws of sum(sums) / sum(counts) over identities: [resamples]."""
    number, drawn = len(sums), []
    for start in range(0, resamples, _BLOCK):
        size = min(_BLOCK, resamples - start)
        times = rng.multinomial(number, np.full(number, 1 / number), size)
        drawn.append((times @ sums) / (times @ counts))
    return np.concatenate(drawn)


def _summary(estimate: float, draws: np.ndarray) -> dict[str, Any]:
    low, high = np.percentile(draws, [2.5, 97.5])
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


def _check_same_trials(path_a, figures_a, path_b, figures_b) -> None:
    hashes = [
        {name: row["trials_sha256"] for name, row in figures["targets"].items()}
        for figures in (figures_a, figures_b)
    ]
    if hashes[0] == hashes[1]:
        return
    differing = sorted(
        name
        for name in set(hashes[0]) | set(hashes[1])
        if hashes[0].get(name) != hashes[1].get(name)
    )
    raise errors.UserError(
        f"{path_a} and {path_b} were not judged on the same trials: they differ in "
        f"{', '.join(differing)}. Evaluate both with the same --targets and options"
    )
