"""The paper's Table 8: what is there of it, as a record and as a table."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from dimn_tf import fewshot
from dimn_tf.comparison import markdown
from dimn_tf.fewshot import options, table_notes

QUOTED = pathlib.Path(__file__).with_name("quoted.json")
"""Accuracy and interval, per cent, 1-shot and 5-shot: of the paper's Table 8, and of
the methods' own papers (matching networks: Ravi and Larochelle's runs, with and without
full context embeddings); all of them 5-way."""
_QUOTED_WAYS = 5

LABELS = {
    "matching_net": "Matching networks",
    "meta_lstm": "Meta-Learner LSTM",
    "reptile": "Reptile",
    "maml": "MAML",
    "ppa": "PPA",
    "dimn": "DIMN",
    "proto_net": "ProtoNet",
}

_STATISTICS = {
    "moving": "moving averages",
    "support": "a learner's last weights on its support (ours)",
    "query": "support and one query",
    "episode": "all queries (transductive)",
}

_NOTHING_QUOTED = (
    f"The papers' figures are {_QUOTED_WAYS}-way: none stands beside these. "
)


def record(
    found: Mapping[str, Mapping[str, Mapping[str, Any]]], command: str
) -> dict[str, Any]:
    """What results.json of the table holds."""
    return {
        "command": command,
        "note": " ".join([note(found), *_starts(found)]),
        "rows": {
            method: {
                shots: {k: v for k, v in figures.items() if k != "per_episode"}
                for shots, figures in of_shots.items()
            }
            for method, of_shots in found.items()
        },
    }


def ways_of(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> int:
    """N of the table's episodes, which all rows have alike; see `row_files.gather`."""
    return next(iter(next(iter(found.values())).values()))["ways"]


def quoted_of(ways: int) -> dict[str, dict[str, Any]]:
    """What `QUOTED` has beside episodes of so many ways: for other than 5, nothing."""
    quoted = json.loads(QUOTED.read_text())
    return quoted if ways == _QUOTED_WAYS else {name: {} for name in quoted}


def note(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """One line on the data that the table is of."""
    return table_notes.of_data(next(iter(next(iter(found.values())).values())))


def table(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """The table in Markdown, its notes beneath."""
    ways = ways_of(found)
    quoted = quoted_of(ways)
    headings = ["method"]
    for shots in options.SHOTS:
        headings += [f"{shots}-shot", "Table 8", "own paper"]
    headings += [
        "encoder, filters or width",
        "images of a step",
        "episodes, queries at test",
        "batch norm at test",
        "steps",
        "images seen",
        "minutes",
        "minutes of the test",
    ]
    lines = []
    for method in fewshot.METHODS:
        rows = found.get(method, {})
        cells = [_label(method, rows)]
        for i, shots in enumerate(options.SHOTS):
            row = rows.get(str(shots))
            ours = (row["accuracy"], row["interval"]) if row else None
            cells += [
                _cell(ours),
                _cell(quoted["table_8"].get(method, (None, None))[i]),
                _cell(_own_paper(quoted, row, method, i)),
            ]
        for shown in (
            _encoder,
            lambda row: "x".join(map(str, row["train_batch"])),
            lambda row: f"{row['episodes']:,}, {row['test_queries']}",
            lambda row: _STATISTICS.get(row["statistics"], row["statistics"]),
            lambda row: f"{row['train_steps']:,}",
            lambda row: f"{row['images_seen']:,}",
            _minutes,
            lambda row: f"{row['test_seconds'] / 60:.1f}",
        ):
            values = dict.fromkeys(map(shown, rows.values()))
            cells.append(" / ".join(values) or markdown.NONE)
        lines.append(cells)
    return "\n".join(
        [
            f"{ways}-way accuracy of unseen classes, per cent, mean and half of its "
            f"95 % interval over episodes. {note(found)} "
            f"{'' if ways == _QUOTED_WAYS else _NOTHING_QUOTED}"
            "Images of a step: tasks x classes "
            "x images of a class. Images seen: a step's, once each (Reptile: at each "
            "inner step). Minutes: of training, validation and test, > where a "
            "process of it was lost sight of; DIMN, PPA and Reptile are trained once, "
            "before the first of their tests.",
            "",
            markdown.table(headings, lines),
            "",
            *_noted(found),
            *([table_notes.NOTES] if ways == _QUOTED_WAYS else []),
        ]
    )


def beside(figures: Mapping[str, Any]) -> str:
    """What the paper and its own paper have for a row, and what is to be said of it."""
    quoted = quoted_of(figures["ways"])
    method, shots, told = figures["method"], figures["shots"], []
    if shots in options.SHOTS:
        i = options.SHOTS.index(shots)
        for name, value in (
            ("the paper's Table 8", quoted["table_8"].get(method, (None, None))[i]),
            ("its own paper", _own_paper(quoted, figures, method, i)),
        ):
            told += [f"{name} {_cell(value)}"] if value else []
    lines = ["Nothing is quoted for it."]
    if told:
        lines = [f"On miniImageNet: {', '.join(told)}."]
        if not table_notes.is_comparable(figures):
            lines.append(table_notes.of_data(figures))
    if begun := table_notes.of_start(figures):
        lines.append(f"The run {begun}")
    return " ".join(lines)


def _own_paper(quoted, row: Mapping[str, Any] | None, method: str, i: int):
    """Accuracy and interval of the method's own paper at `options.SHOTS[i]`.

    None where the paper has nothing of the row's variant.
    """
    flags = row["flags"] if row else {}
    name = method
    if flags.get("matching_context"):
        name += ", with full context embeddings"
    if flags.get("maml_first_order"):
        name += ", first order"
    if method == "reptile" and row and row["statistics"] == "episode":
        name += ", transductive"
    if options.SHOTS[i] > 1 and flags.get("matching_votes") == "attention":
        return None  # What is quoted is of sums; with one shot they are alike.
    return quoted["own_paper"].get(name, (None, None))[i]


def _label(method: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    label = LABELS.get(method, method)
    flags = [row["flags"] for row in rows.values()]
    if method == "matching_net" and flags:
        told = {True: "with", False: "without"}
        kinds = sorted({bool(of_row.get("matching_context")) for of_row in flags})
        found = " / ".join(told[one] for one in kinds)
        return f"{label}, {found} full context embeddings"
    kinds = sorted({bool(of_row.get("maml_first_order")) for of_row in flags})
    if any(kinds):
        return f"{label}, {'first order' if all(kinds) else 'second / first order'}"
    return label


def _noted(found) -> list[str]:
    lines = [
        f"* {_label(method, {shots: row})}, {shots}-shot: {row['note']}"
        for method, rows in found.items()
        for shots, row in rows.items()
        if "note" in row
    ]
    lines += [f"* {line}" for line in _starts(found)]
    return [*lines, ""] if lines else []


def _starts(found) -> list[str]:
    """A line on each row that does not begin by chance alone."""
    return [
        f"{_label(method, {shots: row})}, {shots}-shot, {begun}"
        for method, rows in found.items()
        for shots, row in rows.items()
        if (begun := table_notes.of_start(row))
    ]


def _encoder(row: Mapping[str, Any]) -> str:
    """With its filters where all its blocks have as many, else its width; its start."""
    begun = table_notes.start(row)
    tail = f", from {begun}" if begun else ""
    if row["encoder"].startswith("conv4"):
        return f"{row['encoder']}, {row['filters']}{tail}"
    # Of older versions `filters` of other encoders are none of theirs.
    return f"{row['encoder']}, width {row['flags'].get('encoder_width', 1.0):g}{tail}"


def _minutes(row: Mapping[str, Any]) -> str:
    """Of all processes of a run: training, validation and test."""
    if "cost" not in row:
        return markdown.NONE
    at_least = "> " if row["cost"].get("processes_untimed") else ""
    return f"{at_least}{row['cost']['minutes']:.0f}"


def _cell(value) -> str:
    return markdown.NONE if value is None else f"{value[0]:.2f} ± {value[1]:.2f}"
