"""The figures of an evaluation, per cent, in the form of results.json."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import PIL
import tensorflow as tf
import tensorflow_datasets as tfds

import dimn_tf
from dimn_tf import errors
from dimn_tf.evaluation import evaluator, paper_results, ranking

METRICS = paper_results.METRICS


def figures_of(
    evaluated: Sequence[evaluator.TargetResult],
    method: str,
    flags: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Every figure of an evaluation, in per cent, as `results.json` holds it.

    Args:
      evaluated: one entry a target.
      method: name of what was evaluated, e.g. `dimn`.
      flags: values of the flags that made it.
      **more: further entries at the top, e.g. step=4000.

    Returns:
      `targets`: target -> rank1, rank5, rank10, mAP (each `mean` and `std` over
      trials, the standard deviation of the trials themselves, ddof 0), trials,
      probes, gallery, `unmatched_probes` (of the first trial, like the two before;
      only where some were counted apart), `seen_in_training` (only where some of its
      persons were trained on), `diagnosis` (the same metrics of the bare
      features by Euclidean distance and by cosine), `per_trial`, hash and origin of
      the trials, `images_sha256` (see `targets.Target`; only where there is one);
      `mean`: each metric's mean over the targets; `diagnosis_mean`, likewise;
      `method`, `flags`, `versions`.
    """
    if not evaluated:
        raise errors.UserError("no target was evaluated: name some by --targets")
    targets = {result.target.name: _target_figures(result) for result in evaluated}
    return {
        "method": method,
        **more,
        "targets": targets,
        "mean": _mean_over(targets.values()),
        "diagnosis_mean": {
            name: _mean_over(row["diagnosis"][name] for row in targets.values())
            for name in evaluator.DIAGNOSIS
        },
        "flags": dict(flags or {}),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of what the figures depend on."""
    return {
        "dimn_tf": dimn_tf.__version__,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "tensorflow_datasets": tfds.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }


def _target_figures(result: evaluator.TargetResult) -> dict[str, Any]:
    target, own = result.target, result.rankings[evaluator.METHOD]
    unmatched, seen = len(own[0].unmatched), target.seen_in_training
    return {
        **_mean_and_std(own),
        "trials": len(target.trials),
        "probes": len(target.trials[0].probe_ids),
        "gallery": len(target.trials[0].gallery_ids),
        **({"unmatched_probes": unmatched} if unmatched else {}),
        **({"seen_in_training": dataclasses.asdict(seen)} if seen else {}),
        "diagnosis": {
            name: _mean_and_std(result.rankings[name]) for name in evaluator.DIAGNOSIS
        },
        "per_trial": {
            "names": [trial.name for trial in target.trials],
            **{m: _rounded(values) for m, values in _per_trial(own).items()},
        },
        **target.hashes,
        "trials_source": target.trials_source,
    }


def _per_trial(rankings: Sequence[ranking.RankingResult]) -> dict[str, np.ndarray]:
    """Metric -> its value in each trial, per cent."""
    values = {f"rank{k}": [100 * r.cmc[k] for r in rankings] for k in ranking.RANKS}
    values["mAP"] = [100 * r.mean_average_precision for r in rankings]
    return {metric: np.array(values[metric]) for metric in METRICS}


def _mean_and_std(rankings: Sequence[ranking.RankingResult]) -> dict[str, dict]:
    return {
        metric: {"mean": round(values.mean(), 4), "std": round(values.std(), 4)}
        for metric, values in _per_trial(rankings).items()
    }


def _mean_over(rows: Iterator[Mapping[str, Any]]) -> dict[str, float]:
    rows = list(rows)
    return {m: round(np.mean([row[m]["mean"] for row in rows]), 4) for m in METRICS}


def _rounded(values: np.ndarray) -> list[float]:
    return np.round(values, 4).tolist()
