"""Table 8 as a picture."""

import json
import os
from collections.abc import Mapping
from typing import Any

import matplotlib.figure
from matplotlib.backends import backend_agg

from dimn_tf import files
from dimn_tf.fewshot import options, table8

# Okabe and Ito's colours, which the colour-blind can tell apart.
_COLOURS = {"1": "#0072B2", "5": "#E69F00"}
_PAPER, _INK, _FAINT, _CHANCE = "#D55E00", "#333333", "#D9D9D9", 20


def plot(
    found: Mapping[str, Mapping[str, Mapping[str, Any]]], path: str | os.PathLike
) -> None:
    """Draws each method's accuracies with their 95 % intervals.

    A diamond is the paper's Table 8.

    Args:
        found: Of `table8.gather`.
        path: Of the PNG.
    """
    quoted = json.loads(table8.QUOTED.read_text())["table_8"]
    figure = matplotlib.figure.Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    backend_agg.FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for column, (method, rows) in enumerate(found.items()):
        for shots, figures in rows.items():
            place = column + (-0.2 if shots == "1" else 0.2)
            axes.bar(
                place,
                figures["accuracy"],
                0.38,
                yerr=figures["interval"],
                capsize=3,
                ecolor=_INK,
                color=_COLOURS[shots],
                label=f"{shots}-shot",
            )
            if method in quoted:
                axes.plot(
                    place,
                    quoted[method][options.SHOTS.index(int(shots))][0],
                    "D",
                    color=_PAPER,
                    markersize=6,
                    label="the paper's Table 8",
                )
    axes.axhline(_CHANCE, color=_INK, linewidth=0.8, linestyle=":", label="chance")
    axes.set_xticks(range(len(found)), [table8.LABELS.get(n, n) for n in found])
    axes.tick_params(axis="x", labelrotation=20)
    axes.set_title(table8.note(found), fontsize=10, color=_INK)
    axes.set_ylabel("5-way accuracy of unseen classes (%)")
    axes.set_ylim(0)
    axes.grid(axis="y", color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(once.values(), once.keys(), loc="outside upper center", ncols=4)
    with files.replacing(path) as partial:
        figure.savefig(partial, format="png")
