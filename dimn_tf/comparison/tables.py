"""The comparison's tables, in Markdown."""

from collections.abc import Mapping

from dimn_tf.comparison import gathered as gathered_lib
from dimn_tf.comparison import markdown, quoted, rows, trained_on
from dimn_tf.evaluation import paper_results

_MINUS = f"mAP minus {rows.ROWS[rows.REFERENCE].label}'s [95 %]"
_UNLIKE = 1.01  # Budgets are met up to a step, less than that of any real run.


def all_tables(gathered: gathered_lib.Gathered) -> str:
    """Every table of what is there, in one text."""
    parts = [
        "# Comparison",
        "Per cent. A figure is the mean ± the standard deviation over the trials of a "
        "target, of one training: a row's lowest seed (Seeds has the others). In "
        "brackets stands the paper's value, which was trained on other sources, with "
        "other sizes and steps. TRAINED ON marks figures of a target of which persons "
        "were trained on, and means over such.",
        f"*{_MINUS}*: points, the row less DIMN of the same seed; above zero the row "
        "is better. The interval is over identities (paired bootstrap, since trials "
        "share probes). It tells whether other people would have given the same order, "
        "and nothing of other seeds.",
        *_warnings(gathered),
        "## Overview: rank-1 / mAP",
        overview(gathered),
    ]
    for title, chosen in (
        ("Table 2: systems", rows.TABLE_2),
        ("Table 7: DIMN without its parts", rows.TABLE_7),
        ("Not in the paper", rows.OURS),
    ):
        if any(name in gathered.figures for name in chosen):
            parts += [f"## {title}", figures_table(gathered, chosen)]
    parts += [
        "## Features by cosine",
        "mAP of what each row's images are matched by (features as `embed` gives them, "
        "before a mapping), ranked by cosine whatever the row's own score is. What the "
        "row has more *as it scores* is its score's, the rest its features'. The last "
        "column ranks the same features by Euclidean distance.",
        cosine_table(gathered),
        "## Seeds",
        "Mean mAP over the targets, training by training. How far seeds of a row lie "
        "apart no interval here holds.",
        seeds_table(gathered),
        "## Cost",
        "Of the training with the lowest seed. Images seen: by all stages together, "
        "each as often as it was. Passes: of an encoder, forward and back, for each "
        "image seen. Seconds a step: the median of steps that see images; a step of "
        "one row may see more of them than another's. Minutes: wall time with the "
        "evaluation, on whatever else the machine did; > where a process of it was "
        "lost sight of. Peak memory: the main memory of the largest process.",
        cost_table(gathered),
        "## Tables 3 to 6: quoted by the paper",
        "Others' figures, which the paper quotes: trained on the target's own data (S: "
        "supervised, U: unsupervised), so no comparison of like with like.",
        *quoted.tables(gathered),
    ]
    return "\n\n".join(parts) + "\n"


def _warnings(gathered: gathered_lib.Gathered) -> list[str]:
    """What keeps the tables from being read as like with like."""
    found = [f"**{note}**" for note in gathered.notes]
    seen = [
        figures["cost"]["images_seen"]
        for by_seed in gathered.figures.values()
        for figures in by_seed.values()
    ]
    if max(seen) > _UNLIKE * min(seen):
        found.append(
            f"**Not like with like: the rows saw from {min(seen):,} to {max(seen):,} "
            "images in training (Cost).**"
        )
    return found


def overview(gathered: gathered_lib.Gathered) -> str:
    """A line a row: rank-1 and mAP of each target and of their mean."""
    lines = []
    for name, row in _there(gathered, rows.ROWS):
        figures = gathered.first(name)
        cells = [
            f"{values['rank1']['mean']:.1f} / {values['mAP']['mean']:.1f}"
            + trained_on.of_target(values)
            for values in figures["targets"].values()
        ]
        mean = f"{figures['mean']['rank1']:.1f} / {figures['mean']['mAP']:.1f}"
        mean += trained_on.of_mean(figures)
        minus = markdown.difference(gathered.difference(name))
        lines.append([row.label, *cells, mean, minus])
    return markdown.table(["row", *_targets(gathered), "mean", _MINUS], lines)


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
            shown = target + trained_on.of_target(values)
            cells = markdown.figures(values, paper)
            lines.append([row.label, shown, *cells, markdown.difference(found)])
        paper = None
        if row.paper and {name.split("/")[0] for name in targets} == set(
            paper_results.TARGETS
        ):
            paper = paper_results.paper_mean(row.paper)
        mean = markdown.figures(figures["mean"], paper)
        shown = f"**mean**{trained_on.of_mean(figures)}"
        lines.append([row.label, shown, *mean, markdown.difference(minus)])
    return markdown.table(["row", "target", *markdown.HEADINGS, _MINUS], lines)


def cosine_table(gathered: gathered_lib.Gathered) -> str:
    """mAP of each row's features, by target; beside it that of the row's score."""
    targets = _targets(gathered)
    lines = []
    for name, row in _there(gathered, rows.ROWS):
        figures = gathered.first(name)
        by_target = [figures["targets"][target] for target in targets]
        means, mark = figures["diagnosis_mean"], trained_on.of_mean(figures)
        lines.append(
            [
                row.label,
                f"{figures['mean']['mAP']:.1f}{mark}",
                *(
                    f"{values['diagnosis']['cosine']['mAP']['mean']:.1f}"
                    + trained_on.of_target(values)
                    for values in by_target
                ),
                f"{means['cosine']['mAP']:.1f}{mark}",
                f"{means['euclidean']['mAP']:.1f}{mark}",
            ]
        )
    headings = ["row", "as it scores", *targets, "mean", "mean, Euclidean"]
    return markdown.table(headings, lines)


def seeds_table(gathered: gathered_lib.Gathered) -> str:
    """Mean mAP of each seed, and its difference to DIMN's of the same seed."""
    lines = [
        [
            row.label,
            str(seed),
            f"{figures['mean']['mAP']:.1f}{trained_on.of_mean(figures)}",
            markdown.difference(gathered.differences.get(name, {}).get(seed)),
        ]
        for name, row in _there(gathered, rows.ROWS)
        for seed, figures in gathered.figures[name].items()
    ]
    return markdown.table(["row", "seed", "mean mAP", _MINUS], lines)


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
                f"{'> ' if cost['processes_untimed'] else ''}{cost['minutes']:.0f}",
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
    return markdown.table(headings, lines)


def _targets(gathered) -> list[str]:
    return list(gathered.first(next(iter(gathered.figures)))["targets"])


def _there(gathered, chosen: Mapping[str, rows.Row]) -> list[tuple[str, rows.Row]]:
    return [(name, row) for name, row in chosen.items() if name in gathered.figures]
