"""Tables 2 and 7 of the paper: all sources, no image of the target seen; per cent.

Song et al., "Generalizable Person Re-identification by Domain-Invariant Mapping
Network", CVPR 2019. The rows are filed under this project's method names, and those of
Table 7 under names that say what DIMN lacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

METRICS = ("rank1", "rank5", "rank10", "mAP")
TARGETS = ("viper", "prid", "grid", "ilids")

_TABLE_2 = {
    "aggregation": (  # Agg MobileNetV2
        (42.88, 61.33, 68.86, 51.91),
        (38.90, 63.50, 75.00, 50.98),
        (29.68, 51.12, 60.24, 39.79),
        (69.17, 84.17, 88.83, 75.95),
    ),
    "pcb": (  # Agg PCB, ResNet-50
        (38.10, 53.20, 59.30, 45.38),
        (21.50, 42.60, 49.70, 32.04),
        (36.00, 53.68, 63.28, 44.66),
        (66.67, 81.67, 86.83, 73.92),
    ),
    "aligned_reid": (  # Agg AlignedReID, ResNet-50
        (42.78, 63.67, 73.58, 52.94),
        (17.20, 33.40, 39.60, 25.50),
        (15.92, 33.52, 41.44, 24.67),
        (63.83, 89.17, 95.50, 74.69),
    ),
    "ppa": (
        (45.06, 65.09, 72.66, 54.46),
        (31.90, 61.10, 70.50, 45.26),
        (26.88, 50.48, 61.52, 37.98),
        (64.50, 83.75, 88.00, 72.73),
    ),
    "reptile": (
        (22.06, 39.43, 49.21, 31.33),
        (17.90, 33.80, 44.10, 26.90),
        (16.24, 29.44, 38.40, 23.02),
        (56.00, 80.67, 89.83, 67.11),
    ),
    "mldg": (
        (23.51, 43.80, 52.47, 33.52),
        (24.00, 48.00, 53.60, 35.36),
        (15.76, 31.12, 39.76, 23.57),
        (53.83, 78.67, 88.00, 65.18),
    ),
    "crossgrad": (
        (20.89, 39.05, 49.72, 30.40),
        (18.80, 35.30, 46.00, 28.18),
        (8.96, 22.08, 30.08, 16.00),
        (49.67, 74.17, 83.83, 61.29),
    ),
    "dimn": (
        (51.23, 70.19, 75.98, 60.12),
        (39.20, 67.00, 76.70, 51.95),
        (29.28, 53.28, 65.84, 41.09),
        (70.17, 89.67, 94.50, 78.39),
    ),
}
_TABLE_7 = {
    "dimn_no_memory": (
        (45.44, 67.44, 73.73, 55.49),
        (37.10, 58.20, 72.60, 48.27),
        (30.08, 51.68, 60.64, 40.50),
        (69.00, 87.17, 94.33, 77.05),
    ),
    "dimn_no_running_average": (
        (50.03, 69.40, 74.40, 59.04),
        (36.50, 58.20, 67.20, 46.70),
        (30.48, 53.20, 67.12, 41.49),
        (67.67, 90.00, 94.00, 77.15),
    ),
    "dimn_no_logit_triplet": (
        (49.53, 68.29, 74.59, 58.29),
        (37.90, 63.60, 72.10, 49.75),
        (32.88, 53.28, 63.52, 42.75),
        (65.50, 84.50, 92.50, 74.40),
    ),
}
_ROWS = {**_TABLE_2, **_TABLE_7}
WITHOUT_PARTS = {
    "dimn_no_memory": ("memory_bank", False),
    "dimn_no_running_average": ("running_average", 1.0),
    "dimn_no_logit_triplet": ("triplet_weight", 0.0),
}
"""The flag of a run, and its value, by which DIMN lacks what a row of Table 7 lacks."""
_MIXED = ("all", "quota")  # Of --domain_sampling: all domains in one batch.


def row_of(method: str, flags: Mapping[str, Any]) -> str | None:
    """Which row the paper has of a run; None: it has none.

    Args:
      method: this project's method name.
      flags: as the run records them; what is missing is taken as the default, with
        which DIMN is whole.

    Returns:
      A name that `paper_row` takes. Of DIMN without one of its parts that of Table 7;
      without two the paper has none, nor of domains drawn otherwise or of Reptile with
      one head of all identities.
    """
    if not _is_the_papers(method, flags):
        return None
    if method != "dimn":
        return method if method in _TABLE_2 else None
    lacking = [
        name
        for name, (flag, value) in WITHOUT_PARTS.items()
        if flag in flags and flags[flag] == value
    ]
    if len(lacking) > 1:
        return None
    return lacking[0] if lacking else method


def _is_the_papers(method: str, flags: Mapping[str, Any]) -> bool:
    """Whether its batches and its head can be those of the paper's method.

    Of others than DIMN and aggregation the paper does not say what a batch is of.
    """
    if method == "reptile":
        return flags.get("reptile_head") != "identities"
    if method not in ("dimn", "aggregation") or "domain_sampling" not in flags:
        return True
    return (flags["domain_sampling"] in _MIXED) == (method == "aggregation")


def paper_row(method: str, target: str) -> dict[str, float] | None:
    """The paper's figures of a method on a target, by metric; None where it has none.

    Args:
      method: this project's method name, e.g. `dimn`, or a row's of Table 7.
      target: a target's reference, e.g. `viper`; its builder config does not matter.
    """
    name = target.split("/")[0]
    if method not in _ROWS or name not in TARGETS:
        return None
    return dict(zip(METRICS, _ROWS[method][TARGETS.index(name)], strict=True))


def paper_mean(method: str) -> dict[str, float] | None:
    """The four-target mean of a method's row (derived; the paper prints none)."""
    if method not in _ROWS:
        return None
    rows = zip(*_ROWS[method], strict=True)
    return {m: sum(row) / len(row) for m, row in zip(METRICS, rows, strict=True)}
