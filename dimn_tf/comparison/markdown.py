"""Tables in Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from dimn_tf.evaluation import paper_results

HEADINGS = ("rank-1", "rank-5", "rank-10", "mAP")
"""Of `paper_results.METRICS`."""
NONE = "-"
"""In a cell: there is no such figure."""
_DIGITS = (1, 2, 3)  # Decimals of an interval, which is kept with three.


def table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells; a bar or a line break in a cell stays in it."""
    shown = [headings, ["---"] * len(headings), *lines]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in shown)


def figures(
    values: Mapping[str, Any], paper: Mapping[str, float] | None = None
) -> list[str]:
    """Cells of every metric, the paper's value in brackets."""
    cells = []
    for metric in paper_results.METRICS:
        value = values[metric]
        if isinstance(value, Mapping):
            text = f"{value['mean']:.1f} ± {value['std']:.1f}"
        else:
            text = f"{value:.1f}"
        cells.append(text + (f" ({paper[metric]:.1f})" if paper else ""))
    return cells


def difference(found: Mapping[str, Any] | None) -> str:
    """A cell of what `bootstrap.compare` gives.

    The interval has as many decimals as tell on which side of zero its ends lie.
    """
    if not found:
        return NONE
    low, high = found["interval"]
    digits = next(
        (n for n in _DIGITS if all(round(end, n) or not end for end in (low, high))),
        _DIGITS[-1],
    )
    interval = f"[{low:+.{digits}f}, {high:+.{digits}f}]"
    return f"{found['difference']:+.1f} {interval}"


def _cell(text: str) -> str:
    """A name may be any path, bytes that are no text among them."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return " ".join(text.replace("|", "\\|").splitlines())
