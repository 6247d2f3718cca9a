"""The table for people: target by target, with the paper's row beneath."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dimn_tf.evaluation import paper_results, seen_in_training

_HEADINGS = ("rank-1", "rank-5", "rank-10", "mAP")
_NAME, _CELL = 26, 15


def table(figures: Mapping[str, Any]) -> str:
    """The figures of `results.figures_of` as text; per cent.

    Beneath each target stand what of it was trained on, where its trials come from,
    the paper's row of the method and of what its flags leave out, where it has one, and
    the diagnosis: the bare features ranked by Euclidean distance and by cosine. The
    mean's paper row is shown for the paper's four targets alone.
    """
    method, targets = figures["method"], figures["targets"]
    paper = paper_results.row_of(method, figures.get("flags", {}))
    width = max([_NAME] + [len(name) + 2 for name in targets])

    def row(name: str, values: Mapping[str, Any] | None, suffix: str = "") -> list[str]:
        if values is None:
            return []
        cells = "".join(_cell(values[metric]) for metric in paper_results.METRICS)
        return [f"{name:<{width}}{cells}{suffix}".rstrip()]

    headings = "".join(f"{heading:<{_CELL}}" for heading in _HEADINGS)
    lines = [
        f"{method}: per cent, mean ± standard deviation over trials",
        f"{'target':<{width}}{headings}trials x probes / gallery",
    ]
    for name, values in targets.items():
        lines += row(name, values, size_of(values))
        if seen := values.get("seen_in_training"):
            lines.append(f"  {seen_in_training.Seen(**seen)}")
        if source := values.get("trials_source"):
            lines.append(f"  trials: {source}")
        lines += row("  paper", paper and paper_results.paper_row(paper, name))
        for diagnosis, beneath in values["diagnosis"].items():
            lines += row(f"  features, {diagnosis}", beneath)
    if len(targets) > 1:
        trained = sum("seen_in_training" in row for row in targets.values())
        note = f"{trained} of them TRAINED ON" if trained else ""
        lines += row(f"mean of {len(targets)} targets", figures["mean"], note)
        if {name.split("/")[0] for name in targets} == set(paper_results.TARGETS):
            lines += row("  paper", paper and paper_results.paper_mean(paper))
        for diagnosis, beneath in figures["diagnosis_mean"].items():
            lines += row(f"  features, {diagnosis}", beneath)
    return "\n".join(lines)


def size_of(values: Mapping[str, Any]) -> str:
    """How much a target's figures are of, and which probes are left out of them.

    Args:
        values: A target's, as `results.figures_of` gives them.
    """
    size = f"{values['trials']} x {values['probes']} / {values['gallery']}"
    if apart := values.get("unmatched_probes"):
        size += f"; {apart} of the probes have no match, counted apart"
    return size


def _cell(value: float | Mapping[str, float]) -> str:
    if isinstance(value, Mapping):
        text = f"{value['mean']:6.2f} ±{value['std']:5.2f}"
    else:
        text = f"{value:6.2f}"
    return f"{text:<{_CELL}}"
