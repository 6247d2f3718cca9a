"""The comparison as one picture: mean mAP of each row, its interval and its seeds."""

import os

import matplotlib.figure
from matplotlib.backends import backend_agg

from dimn_tf import files
from dimn_tf.comparison import gathered as gathered_lib
from dimn_tf.comparison import rows

_OURS, _PAPER, _INK, _FAINT = "#0072B2", "#D55E00", "#333333", "#D9D9D9"


def plot(gathered: gathered_lib.Gathered, path: str | os.PathLike) -> None:
    """Plots mean mAP over the targets, row by row.

    A bar is the lowest seed; points are all seeds; the line over a bar is the 95 %
    interval of its difference to DIMN, laid at DIMN's height: a row whose line does
    not reach DIMN's differs from it on these people.

    Args:
        gathered: What is there.
        path: Of the PNG.
    """
    names = [name for name in rows.ROWS if name in gathered.figures]
    figure = matplotlib.figure.Figure(
        figsize=(9, 1.6 + 0.42 * len(names)), dpi=120, layout="constrained"
    )
    backend_agg.FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    reference = None
    if gathered_lib.REFERENCE in gathered.figures:
        reference = gathered.first(gathered_lib.REFERENCE)["mean"]["mAP"]
        axes.axvline(reference, color=_PAPER, linewidth=1.2, label="DIMN")
    for place, name in enumerate(names):
        by_seed = gathered.figures[name]
        axes.barh(
            place,
            gathered.first(name)["mean"]["mAP"],
            color=_OURS,
            alpha=0.35,
            height=0.62,
        )
        means = [figures["mean"]["mAP"] for figures in by_seed.values()]
        axes.plot(
            means,
            [place] * len(means),
            "o",
            color=_OURS,
            markersize=5,
            label="a seed" if place == 0 else None,
        )
        found = gathered.differences.get(name)
        if found and reference is not None:
            low, high = (reference + end for end in found["interval"])
            axes.plot(
                [low, high],
                [place, place],
                color=_INK,
                linewidth=1.6,
                label="95 % interval of the difference to DIMN" if place == 0 else None,
            )
    axes.set_yticks(range(len(names)), [rows.ROWS[name].label for name in names])
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("mAP, mean over the targets (%)")
    axes.grid(axis="x", color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower left", frameon=False, fontsize=9, ncols=3)
    with files.replacing(path) as partial:
        figure.savefig(partial, format="png")
