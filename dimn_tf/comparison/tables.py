"""The comparison's tables, in Markdown."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from dimn_tf.comparison import gathered as gathered_lib
from dimn_tf.comparison import rows
from dimn_tf.evaluation import paper_results

_HEADINGS = ("rank-1", "rank-5", "rank-10", "mAP")
_QUOTED = pathlib.Path(__file__).with_name("quoted.json")


def all_tables(gathered: gathered_lib.Gathered) -> str:
    """Every table of what is there, in one text."""
    parts = [
        "# Comparison",
        "Per cent. Ours: mean ± standard deviation over a target's trials, one seed; "
        "in brackets the paper's value.",
        "## Table 2: systems",
        figures_table(gathered, rows.TABLE_2),
        "## Table 7: DIMN without its parts",
        figures_table(gathered, rows.TABLE_7),
        "## Where a step's identities come from (ours)",
        figures_table(gathered, rows.SAMPLING),
        "## mAP minus DIMN's",
        "Points, with the 95 % interval over identities (bootstrap; trials share "
        "probes). It tells whether other people would have given the same order, and "
        "nothing of other seeds.",
        differences_table(gathered),
        "## Bare features by cosine",
        "Mean over the targets: how much of a row is its measure's.",
        measures_table(gathered),
        "## Cost",
        cost_table(gathered),
        "## Tables 3 to 6: quoted by the paper",
        "Trained on the target's own data, so no comparison of like with like.",
        quoted_tables(gathered),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    shown = [list(headings), ["---"] * len(headings), *map(list, lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in shown)


def figures_table(gathered, chosen: Mapping[str, rows.Row]) -> str:
    """Every metric of every target, and their means; the paper's in brackets."""
    lines = []
    for name, row in chosen.items():
        if name not in gathered.figures:
            continue
        figures = gathered.first(name)
        for target, values in figures["targets"].items():
            paper = row.paper and paper_results.paper_row(row.paper, target)
            lines.append([row.label, target, *_cells(values, paper)])
        paper = row.paper and paper_results.paper_mean(row.paper)
        if set(figures["targets"]) != set(paper_results.TARGETS):
            paper = None
        lines.append([row.label, "**mean**", *_cells(figures["mean"], paper)])
    if not lines:
        return ""
    return markdown(["row", "target", *_HEADINGS], lines)


def _cells(values, paper) -> list[str]:
    cells = []
    for metric in paper_results.METRICS:
        value = values[metric]
        if isinstance(value, Mapping):
            text = f"{value['mean']:.1f} ± {value['std']:.1f}"
        else:
            text = f"{value:.1f}"
        cells.append(text + (f" ({paper[metric]:.1f})" if paper else ""))
    return cells


def differences_table(gathered) -> str:
    """Each row minus DIMN, by target; the means of all seeds beside."""
    targets = list(next(iter(gathered.figures.values())).values())
    names = list(targets[0]["targets"]) if targets else []
    lines = []
    for name, row in rows.ROWS.items():
        if name not in gathered.figures:
            continue
        seeds = gathered.figures[name]
        means = ", ".join(f"{seeds[s]['mean']['mAP']:.1f}" for s in sorted(seeds))
        found = gathered.differences.get(name)
        cells = ["", *[""] * len(names)]
        if found:
            cells = [_difference(found)]
            cells += [_difference(found["targets"][target]) for target in names]
        lines.append([row.label, means, *cells])
    return markdown(["row", "mAP of each seed", "mean", *names], lines)


def _difference(found) -> str:
    low, high = found["interval"]
    return f"{found['difference']:+.1f} [{low:.1f}, {high:.1f}]"


def measures_table(gathered) -> str:
    """Each row as it scores, and its bare features by both measures."""
    lines = [
        [
            row.label,
            f"{(figures := gathered.first(name))['mean']['mAP']:.1f}",
            *(
                f"{figures['diagnosis_mean'][measure]['mAP']:.1f}"
                for measure in ("euclidean", "cosine")
            ),
        ]
        for name, row in rows.ROWS.items()
        if name in gathered.figures
    ]
    headings = ["row", "mAP as it scores", "features, Euclidean", "features, cosine"]
    return markdown(headings, lines)


def cost_table(gathered) -> str:
    """What each row's training cost, at its lowest seed."""
    lines = []
    for name, row in rows.ROWS.items():
        if name not in gathered.figures:
            continue
        figures = gathered.first(name)
        cost = figures["cost"]
        lines.append(
            [
                row.label,
                f"{figures['images_seen']:,}",
                f"{row.encoder_passes:g}",
                f"{figures['step']:,}",
                f"{cost['seconds_a_step']:.2f}",
                f"{cost['minutes']:.0f}",
                f"{cost['peak_memory_gib']:.1f}",
                ", ".join(map(str, sorted(gathered.figures[name]))),
            ]
        )
    headings = [
        "row",
        "images seen",
        "encoder passes an image",
        "steps",
        "seconds a step",
        "minutes in all",
        "peak memory, GiB",
        "seeds",
    ]
    return markdown(headings, lines)


def quoted_tables(gathered) -> str:
    """What the paper quotes for each target, our DIMN beneath."""
    quoted: dict[str, Any] = json.loads(_QUOTED.read_text())
    parts = []
    for target in paper_results.TARGETS:
        lines = [
            [
                f"{name} ({kind}), quoted",
                *("-" if v is None else f"{v:.1f}" for v in found),
            ]
            for name, kind, *found in quoted[target]
        ]
        paper = paper_results.paper_row("dimn", target)
        lines.append(
            ["DIMN, the paper's", *(f"{paper[m]:.1f}" for m in paper_results.METRICS)]
        )
        if gathered_lib.REFERENCE in gathered.figures:
            found = gathered.first(gathered_lib.REFERENCE)["targets"].get(target)
            if found:
                lines.append(["DIMN, ours", *_cells(found, None)])
        parts.append(markdown([target, *_HEADINGS], lines))
    return "\n\n".join(parts)
