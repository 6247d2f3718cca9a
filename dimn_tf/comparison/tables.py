"""The comparison's tables, in Markdown."""

import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dimn_tf.comparison import gathered as gathered_lib
from dimn_tf.comparison import rows
from dimn_tf.evaluation import paper_results

_HEADINGS = ("rank-1", "rank-5", "rank-10", "mAP")
_QUOTED = pathlib.Path(__file__).with_name("quoted.json")
_NONE = "-"


def all_tables(gathered: gathered_lib.Gathered) -> str:
    """Every table of what is there, in one text."""
    minus = f"mAP minus {rows.ROWS[rows.REFERENCE].label}'s"
    parts = [
        "# Comparison",
        "Per cent: mean ± standard deviation over a target's trials, of the lowest "
        "seed; in brackets the paper's value, which other sources, sizes and steps "
        f"may have given. {minus}: points, with the 95 % interval over identities "
        "(paired bootstrap; trials share probes). It tells whether other people would "
        "have given the same order, and nothing of other seeds.",
    ]
    for title, chosen in (
        ("Table 2: systems", rows.TABLE_2),
        ("Table 7: DIMN without its parts", rows.TABLE_7),
        ("Not in the paper", rows.OURS),
    ):
        if any(name in gathered.figures for name in chosen):
            parts += [f"## {title}", figures_table(gathered, chosen)]
    parts += [
        "## Bare features by cosine",
        "mAP of each row's features as they leave the encoder, ranked by cosine "
        "whatever the row's own score is: what of a row is its measure's.",
        cosine_table(gathered),
        "## Seeds",
        "The spread over training seeds, which no interval above holds.",
        seeds_table(gathered),
        "## Cost",
        "Passes: of the encoder, forward and back, for each image seen.",
        cost_table(gathered),
        "## Tables 3 to 6: quoted by the paper",
        "Trained on the target's own data (S: supervised, U: unsupervised), so no "
        "comparison of like with like.",
        *quoted_tables(gathered),
    ]
    return "\n\n".join(parts) + "\n"


def figures_table(
    gathered: gathered_lib.Gathered, chosen: Mapping[str, rows.Row]
) -> str:
    """Every metric of every target, and their means; the paper's in brackets."""
    lines = []
    for name, row in _there(gathered, chosen):
        figures, minus = gathered.first(name), gathered.difference(name)
        targets = figures["targets"]
        for target, values in targets.items():
            paper = row.paper and paper_results.paper_row(row.paper, target)
            found = minus and minus["targets"][target]
            lines.append(
                [row.label, target, *_cells(values, paper), _difference(found)]
            )
        paper = None
        if row.paper and _plain(targets) == set(paper_results.TARGETS):
            paper = paper_results.paper_mean(row.paper)
        mean = _cells(figures["mean"], paper)
        lines.append([row.label, "**mean**", *mean, _difference(minus)])
    return _markdown(["row", "target", *_HEADINGS, "minus DIMN"], lines)


def cosine_table(gathered: gathered_lib.Gathered) -> str:
    """mAP of the encoder's features, by target; beside it that of the row's score."""
    targets = list(next(iter(gathered.figures.values())).values())[0]["targets"]
    lines = []
    for name, row in _there(gathered, rows.ROWS):
        figures = gathered.first(name)
        by_target = [
            figures["targets"][target]["diagnosis"]["cosine"]["mAP"]["mean"]
            for target in targets
        ]
        means = figures["diagnosis_mean"]
        lines.append(
            [
                row.label,
                f"{figures['mean']['mAP']:.1f}",
                *(f"{value:.1f}" for value in by_target),
                f"{means['cosine']['mAP']:.1f}",
                f"{means['euclidean']['mAP']:.1f}",
            ]
        )
    headings = ["row", "as it scores", *targets, "mean", "mean, Euclidean"]
    return _markdown(headings, lines)


def seeds_table(gathered: gathered_lib.Gathered) -> str:
    """Mean mAP of each seed, and its difference to DIMN's of the same seed."""
    lines = [
        [
            row.label,
            str(seed),
            f"{figures['mean']['mAP']:.1f}",
            _difference(gathered.differences.get(name, {}).get(seed)),
        ]
        for name, row in _there(gathered, rows.ROWS)
        for seed, figures in gathered.figures[name].items()
    ]
    return _markdown(["row", "seed", "mean mAP", "minus DIMN"], lines)


def cost_table(gathered: gathered_lib.Gathered) -> str:
    """What each row's training cost, at its lowest seed."""
    lines = []
    for name, row in _there(gathered, rows.ROWS):
        figures = gathered.first(name)
        cost = figures["cost"]
        lines.append(
            [
                row.label,
                f"{cost['images_seen']:,}",
                f"{cost['encoder_passes']:.3g}",
                f"{figures['step']:,}",
                f"{cost['seconds_a_step']:.2f}",
                f"{cost['minutes']:.0f}",
                f"{cost['peak_memory_gib']:.1f}",
                ", ".join(map(str, gathered.figures[name])),
            ]
        )
    headings = [
        "row",
        "images seen",
        "passes",
        "steps",
        "seconds a step",
        "minutes in all",
        "peak memory, GiB",
        "seeds",
    ]
    return _markdown(headings, lines)


def quoted_tables(gathered: gathered_lib.Gathered) -> list[str]:
    """What the paper quotes for each target, DIMN's own figures beneath."""
    quoted: dict[str, Any] = json.loads(_QUOTED.read_text())
    tables = []
    for target in paper_results.TARGETS:
        lines = [
            [
                f"{name} ({kind}), quoted",
                *(_NONE if value is None else f"{value:.1f}" for value in found),
            ]
            for name, kind, *found in quoted[target]
        ]
        paper = paper_results.paper_row(rows.REFERENCE, target)
        lines.append(["DIMN, the paper's", *_cells(paper, None)])
        if rows.REFERENCE in gathered.figures:
            for name, values in gathered.first(rows.REFERENCE)["targets"].items():
                if _plain([name]) == {target}:
                    lines.append(["DIMN, ours", *_cells(values, None)])
        tables.append(_markdown([target, *_HEADINGS], lines))
    return tables


def _there(gathered, chosen: Mapping[str, rows.Row]) -> list[tuple[str, rows.Row]]:
    return [(name, row) for name, row in chosen.items() if name in gathered.figures]


def _plain(targets: Iterable[str]) -> set[str]:
    """Names of data sets without their configs."""
    return {name.split("/")[0] for name in targets}


def _markdown(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    shown = [list(headings), ["---"] * len(headings), *map(list, lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in shown)


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


def _difference(found) -> str:
    if not found:
        return _NONE
    low, high = found["interval"]
    return f"{found['difference']:+.1f} [{low:.1f}, {high:.1f}]"
