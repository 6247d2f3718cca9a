"""Table 8 as a picture."""

import os
from collections.abc import Mapping
from typing import Any

from dimn_tf import drawing
from dimn_tf.fewshot import options, table8

_COLOURS = {"1": drawing.BLUE, "5": drawing.ORANGE}


def plot(
    found: Mapping[str, Mapping[str, Mapping[str, Any]]], path: str | os.PathLike
) -> None:
    """Draws each method's accuracies with their 95 % intervals.

    A diamond is the paper's Table 8, beside 5-way episodes alone.

    Args:
        found: Of `row_files.gather`.
        path: Of the PNG.
    """
    ways = table8.ways_of(found)
    quoted = table8.quoted_of(ways)["table_8"]
    figure = drawing.figure(8, 4.5)
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
                ecolor=drawing.INK,
                color=_COLOURS[shots],
                label=f"{shots}-shot",
            )
            if method in quoted:
                axes.plot(
                    place,
                    quoted[method][options.SHOTS.index(int(shots))][0],
                    "D",
                    color=drawing.VERMILION,
                    markersize=6,
                    label="the paper's Table 8",
                )
    axes.axhline(
        100 / ways, color=drawing.INK, linewidth=0.8, linestyle=":", label="chance"
    )
    axes.set_xticks(range(len(found)), [table8.LABELS.get(n, n) for n in found])
    axes.tick_params(axis="x", labelrotation=20)
    axes.set_title(table8.note(found), fontsize=10, color=drawing.INK)
    axes.set_ylabel(f"{ways}-way accuracy of unseen classes (%)")
    axes.set_ylim(0)
    drawing.tidy(axes, "y")
    drawing.legend_once(figure, axes, loc="outside upper center", ncols=4)
    drawing.save(figure, path)
