"""Both distributions of scores, and the ROC."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dimn_tf import drawing
from dimn_tf.evaluation import calibration

_GENUINE, _IMPOSTOR = drawing.BLUE, drawing.VERMILION
_BINS, _POINTS = 80, 400


def plot(
    pairs: calibration.Pairs,
    rows: Sequence[Mapping[str, Any]],
    path: str | os.PathLike,
    title: str,
    label: str = "score",
) -> None:
    """Plots both beside each other.

    Args:
        pairs: Genuine and impostor ones.
        rows: Of `calibration.thresholds`.
        path: Of the PNG.
        title: Above the left half.
        label: What the scores are.
    """
    genuine, impostor = pairs.scores[pairs.genuine], pairs.scores[~pairs.genuine]
    figure = drawing.figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    lowest, highest = float(pairs.scores.min()), float(pairs.scores.max())
    bins = np.linspace(lowest, highest, _BINS)
    for scores, colour, name in (
        (impostor, _IMPOSTOR, f"two people ({len(impostor):,} pairs)"),
        (genuine, _GENUINE, f"one person ({len(genuine):,} pairs)"),
    ):
        left.hist(scores, bins, density=True, color=colour, alpha=0.55, label=name)
    for row in rows:
        if "score" in row:
            left.axvline(row["score"], color=drawing.INK, linewidth=0.8, linestyle="--")
            left.text(
                row["score"],
                0.99,
                f" 1 in {row['one_in']:,}",
                transform=left.get_xaxis_transform(),
                va="top",
                rotation=90,
                fontsize=8,
            )
    left.set(xlabel=label, ylabel="density", title=title)
    left.set_ylim(top=1.2 * left.get_ylim()[1])  # Room for the legend.
    left.legend(frameon=False, loc="upper left")
    rates = np.geomspace(1 / len(impostor), 1, _POINTS)
    at = calibration.Impostors(impostor).thresholds(rates)
    genuine = np.sort(genuine)
    accepted = 1 - np.searchsorted(genuine, at, side="left") / len(genuine)
    right.semilogx(100 * rates, 100 * accepted, color=_GENUINE)
    right.set(
        xlabel="pairs of two people accepted (%)",
        ylabel="pairs of one person accepted (%)",
        title="ROC",
        ylim=(0, 100),
    )
    for axes in (left, right):
        drawing.tidy(axes)
    drawing.save(figure, path)
