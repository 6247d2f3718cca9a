"""The CMC curves of an evaluation as one picture."""

from __future__ import annotations

import os
from collections.abc import Sequence

import matplotlib.figure
import matplotlib.ticker
import numpy as np
from matplotlib.backends import backend_agg

from dimn_tf import files
from dimn_tf.evaluation import evaluator

_MAX_RANK = 20
# Okabe and Ito's colours, which the colour-blind can tell apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_INK, _FAINT = "#333333", "#D9D9D9"


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
    figure = matplotlib.figure.Figure(figsize=(8, 5.2), dpi=120, layout="constrained")
    backend_agg.FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    ranks = np.arange(1, _MAX_RANK + 1)
    for i, result in enumerate(evaluated):
        colour = _COLOURS[i % len(_COLOURS)]
        rankings = result.rankings[evaluator.METHOD]
        curves = 100 * np.array([ranked.cmc_curve(_MAX_RANK) for ranked in rankings])
        mean, std = curves.mean(axis=0), curves.std(axis=0)
        ap = 100 * np.mean([ranked.mean_average_precision for ranked in rankings])
        trial = result.target.trials[0]
        label = (
            f"{_plain(result.target.name)}  (rank-1 {mean[0]:.1f}, mAP {ap:.1f}; "
            f"{len(trial.probe_ids)} vs {len(trial.gallery_ids)})"
        )
        style = "-" if i < len(_COLOURS) else "--"
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
    axes.set_title(_plain(title), loc="left", color=_INK, fontsize=12)
    axes.grid(color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(
        loc="outside lower left",
        frameon=False,
        fontsize=9,
        ncols=1 + (len(evaluated) > 1),
    )
    with files.replacing(path) as partial:
        figure.savefig(partial, format="png")


def _plain(name: str) -> str:
    """A name as it is shown: neither a formula nor bytes that are no text."""
    return name.encode(errors="backslashreplace").decode().replace("$", r"\$")
