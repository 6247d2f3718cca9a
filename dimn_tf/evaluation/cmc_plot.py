"""The CMC curves of an evaluation as one picture."""

from __future__ import annotations

import os
from collections.abc import Sequence

import matplotlib.ticker
import numpy as np

from dimn_tf import drawing
from dimn_tf.evaluation import evaluator

_MAX_RANK = 20


def plot(
    evaluated: Sequence[evaluator.TargetResult],
    path: str | os.PathLike,
    title: str,
) -> None:
    """Plots the mean CMC of each target, with the spread over its trials.

    A line is the mean over trials, the band one standard deviation to either side.

    Args:
      evaluated: one line a target.
      path: of the PNG.
      title: above the axes.
    """
    figure = drawing.figure(8, 5.2)
    axes = figure.add_subplot()
    ranks = np.arange(1, _MAX_RANK + 1)
    for i, result in enumerate(evaluated):
        colour = drawing.COLOURS[i % len(drawing.COLOURS)]
        rankings = result.rankings[evaluator.METHOD]
        curves = 100 * np.array([ranked.cmc_curve(_MAX_RANK) for ranked in rankings])
        mean, std = curves.mean(axis=0), curves.std(axis=0)
        ap = 100 * np.mean([ranked.mean_average_precision for ranked in rankings])
        trial = result.target.trials[0]
        label = (
            f"{_plain(result.target.name)}  (rank-1 {mean[0]:.1f}, mAP {ap:.1f}; "
            f"{len(trial.probe_ids)} vs {len(trial.gallery_ids)})"
        )
        style = "-" if i < len(drawing.COLOURS) else "--"
        axes.fill_between(
            ranks,
            np.maximum(mean - std, 0),
            np.minimum(mean + std, 100),
            color=colour,
            alpha=0.13,
            linewidth=0,
        )
        axes.plot(
            ranks, mean, style, color=colour, label=label, marker="o", markersize=3.5
        )
    axes.set(xlim=(0.5, _MAX_RANK + 0.5), ylim=(0, 100), xlabel="rank k")
    axes.set_ylabel("probes with a true match\namong the first k (%)")
    axes.set_xticks([1, 5, 10, 15, 20])
    axes.yaxis.set_major_locator(matplotlib.ticker.MultipleLocator(20))
    axes.set_title(_plain(title), loc="left", color=drawing.INK, fontsize=12)
    drawing.tidy(axes)
    figure.legend(
        loc="outside lower left",
        frameon=False,
        fontsize=9,
        ncols=1 + (len(evaluated) > 1),
    )
    drawing.save(figure, path)


def _plain(name: str) -> str:
    """A name as it is shown: neither a formula nor bytes that are no text."""
    return name.encode(errors="backslashreplace").decode().replace("$", r"\$")
