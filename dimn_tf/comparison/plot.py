"""The comparison as one picture: mean mAP of each row, its interval and its seeds."""

import os
import textwrap

from dimn_tf import drawing
from dimn_tf.comparison import gathered as gathered_lib
from dimn_tf.comparison import rows, trained_on
from dimn_tf.evaluation import paper_results

_GAP = 0.6  # Between the tables' rows.
_LINE = 90  # Characters.


def plot(gathered: gathered_lib.Gathered, path: str | os.PathLike) -> None:
    """Plots mean mAP over the targets, row by row.

    A bar is the lowest seed; points are all seeds. The line over a bar is the 95 %
    interval of its difference to DIMN, laid at DIMN's height: where it does not reach
    the upright line, DIMN's, the row differs from DIMN on these people. (None where
    their lowest seeds differ.) A diamond is the paper's value, where the targets are
    the paper's. TRAINED ON marks rows, and the targets of which they saw persons.

    Args:
        gathered: What is there.
        path: Of the PNG.
    """
    heights = _heights(gathered)
    figure = drawing.figure(9, 1.7 + 0.4 * (max(heights.values()) + 1))
    axes = figure.add_subplot()
    reference = None
    if rows.REFERENCE in heights:
        reference = gathered.first(rows.REFERENCE)["mean"]["mAP"]
        axes.axvline(reference, color=drawing.BLUE, linewidth=1.2, label="DIMN")
    for name, height in heights.items():
        _draw(axes, gathered, name, height, reference)
    firsts = {name: gathered.first(name) for name in heights}
    labels = [
        rows.ROWS[name].label + trained_on.of_mean(figures)
        for name, figures in firsts.items()
    ]
    axes.set_yticks(list(heights.values()), labels)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    marks = {
        target: max(trained_on.of_target(f["targets"][target]) for f in firsts.values())
        for target in next(iter(firsts.values()))["targets"]
    }
    targets = ", ".join(target + mark for target, mark in marks.items())
    label = f"mAP, mean over {targets} (%)"
    label = label.encode("utf-8", "backslashreplace").decode()
    axes.set_xlabel(textwrap.fill(label, _LINE), parse_math=False)
    drawing.tidy(axes, "x")
    drawing.legend_once(
        figure, axes, loc="outside lower left", frameon=False, fontsize=9, ncols=2
    )
    drawing.save(figure, path)


def _heights(gathered) -> dict[str, float]:
    """Where each row's bar is, the rows of one table together."""
    heights: dict[str, float] = {}
    place = 0.0
    for chosen in (rows.TABLE_2, rows.TABLE_7, rows.OURS):
        new = [n for n in chosen if n in gathered.figures and n not in heights]
        for name in new:
            heights[name] = place
            place += 1
        place += _GAP if new else 0
    return heights


def _draw(axes, gathered, name, height, reference) -> None:
    figures, row = gathered.first(name), rows.ROWS[name]
    axes.barh(
        height,
        figures["mean"]["mAP"],
        color=drawing.BLUE,
        alpha=0.3,
        height=0.62,
        zorder=1,
    )
    means = [found["mean"]["mAP"] for found in gathered.figures[name].values()]
    axes.plot(
        means,
        [height] * len(means),
        "o",
        color=drawing.BLUE,
        markersize=5,
        label="a seed",
    )
    difference = gathered.difference(name)
    # Laid at DIMN's line, it has to be the difference to just that DIMN.
    if difference and min(gathered.figures[name]) == min(
        gathered.figures[rows.REFERENCE]
    ):
        ends = [reference + end for end in difference["interval"]]
        axes.plot(
            ends,
            [height] * 2,
            "|-",
            color=drawing.INK,
            linewidth=1.5,
            label="95 % interval (over identities) of the difference to DIMN",
        )
    targets = {target.split("/")[0] for target in figures["targets"]}
    if row.paper and targets == set(paper_results.TARGETS):
        axes.plot(
            paper_results.paper_mean(row.paper)["mAP"],
            height,
            "D",
            color=drawing.VERMILION,
            fillstyle="none",
            markersize=5,
            label="the paper's value, on its own data and budget",
        )
