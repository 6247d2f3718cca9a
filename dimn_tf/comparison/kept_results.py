"""Whether kept results are whole, of the row that they are named by, and of one run.

They are small files in a folder that people move, rename and merge. Each function
raises `UserError` with what is wrong; the caller names the file.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dimn_tf import errors
from dimn_tf.comparison import rows
from dimn_tf.evaluation import evaluator, paper_results


def refuse_incomplete(figures: Mapping[str, Any], cost: Sequence[str]) -> None:
    """Refuses results that lack a figure which the tables show.

    Args:
        figures: Of a results file.
        cost: What its `cost` holds.
    """
    metrics = {metric: None for metric in paper_results.METRICS}
    diagnosis = {name: {"mAP": None} for name in evaluator.DIAGNOSIS}
    spread = {metric: {"mean": None, "std": None} for metric in metrics}
    of_target = {
        **spread,
        "diagnosis": {name: {"mAP": {"mean": None}} for name in diagnosis},
    }
    wanted = {
        "step": None,
        "flags": {},
        "mean": metrics,
        "diagnosis_mean": diagnosis,
        "cost": {name: None for name in cost},
        "targets": {target: of_target for target in figures["targets"]},
    }
    if missing := _missing(figures, wanted):
        raise errors.UserError(f"it lacks {missing}, or holds no number there")
    if not figures["targets"]:
        raise errors.UserError("it has no target")


def _missing(found: Any, wanted: Mapping[str, Any] | None, name: str = "") -> str:
    """The first figure that is not there; empty: all are."""
    if wanted is None:
        number = isinstance(found, int | float) and not isinstance(found, bool)
        return "" if number and math.isfinite(found) else f"`{name}`"
    if not isinstance(found, Mapping):
        return f"`{name}`"
    for key, beneath in wanted.items():
        inner = f"{name}.{key}" if name else key
        if missing := _missing(found.get(key), beneath, inner):
            return missing
    return ""


def refuse_another(flags: Mapping[str, Any], name: str, seed: int) -> None:
    """Refuses results of another row, or of another seed, than their file's name says.

    Args:
        flags: That the results record.
        name: A key of `rows.ROWS`.
        seed: Of the training.
    """
    if name not in (found := rows.names_of(flags)):
        told = ", ".join(found) or f"a run of --method={flags.get('method')}"
        raise errors.UserError(f"by its flags it is {told}")
    if flags.get("seed") != seed:
        raise errors.UserError(f"by its flags it is of --seed={flags.get('seed')}")
