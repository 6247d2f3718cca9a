"""What plots have in common: colours, a figure without a screen, tidy axes."""

from __future__ import annotations

import os

import matplotlib.axes
import matplotlib.figure
from matplotlib.backends import backend_agg

from dimn_tf import files

# Okabe and Ito's colours, which the colour-blind can tell apart.
BLUE, VERMILION, ORANGE = "#0072B2", "#D55E00", "#E69F00"
COLOURS = (BLUE, VERMILION, "#009E73", "#CC79A7", ORANGE, "#56B4E9")
INK, FAINT = "#333333", "#D9D9D9"


def figure(width: float, height: float) -> matplotlib.figure.Figure:
    """An empty figure of so many inches, which needs no screen and no global state."""
    made = matplotlib.figure.Figure((width, height), dpi=120, layout="constrained")
    backend_agg.FigureCanvasAgg(made)
    return made


def tidy(axes: matplotlib.axes.Axes, grid: str = "both") -> None:
    """A faint grid (both, x or y) behind what is drawn; no frame above and right."""
    axes.grid(axis=grid, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def legend_once(
    made: matplotlib.figure.Figure, axes: matplotlib.axes.Axes, **arguments
) -> None:
    """Of what has one label an entry, outside the axes.

    Args:
        made: The figure.
        axes: What the labels are of.
        arguments: Of `Figure.legend`.
    """
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    made.legend(once.values(), once.keys(), **arguments)


def save(made: matplotlib.figure.Figure, path: str | os.PathLike) -> None:
    """Writes a PNG, whole or not at all."""
    with files.replacing(path) as partial:
        made.savefig(partial, format="png")
