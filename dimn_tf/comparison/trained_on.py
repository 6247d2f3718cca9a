"""Marks of figures that tell nothing about new people: targets that were trained on."""

from collections.abc import Mapping
from typing import Any

MARK = "TRAINED ON"
_KEY = "seen_in_training"  # See `evaluation.results.figures_of`.


def of_target(values: Mapping[str, Any]) -> str:
    """What stands behind a target's figures: ` (TRAINED ON)`, or nothing.

    Args:
        values: Of a target, in a row's results.
    """
    return f" ({MARK})" if _KEY in values else ""


def of_mean(figures: Mapping[str, Any]) -> str:
    """What stands behind a mean over targets: ` (1 of 4 TRAINED ON)`, or nothing.

    Args:
        figures: A row's results.
    """
    targets = figures["targets"]
    trained = sum(_KEY in values for values in targets.values())
    return f" ({trained} of {len(targets)} {MARK})" if trained else ""
