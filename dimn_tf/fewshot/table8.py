"""The paper's Table 8: what is there of it, as a record and as a table."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from dimn_tf import fewshot
from dimn_tf.comparison import markdown
from dimn_tf.fewshot import options

_IMAGES_A_CLASS = 600  # Of miniImageNet.
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

NOTES = """\
Table 8 mixes what is not alike, in spite of its words "exactly the same basenet":
MAML's row is transductive (its batch norm sees all queries of an episode), Reptile's is
not; MAML, Reptile and the LSTM have 32 filters in their own papers, the others 64; the
LSTM's 60.00 is a misprint of 60.60; its matching networks are Ravi and Larochelle's
with full context embeddings (without: 43.40 and 51.09); its PPA is neither of that
paper's, whose 54.53 and 67.87 are of 80 training classes (validation's too). MAML's
own code normalises a query with 5 or 25 others, as many as its support has; here with
all of the column "episodes, queries at test".
"""
_NOTHING_QUOTED = (
    f"The papers' figures are {_QUOTED_WAYS}-way: none stands beside these. "
)


def record(
    found: Mapping[str, Mapping[str, Mapping[str, Any]]], command: str
) -> dict[str, Any]:
    """What results.json of the table holds."""
    return {
        "command": command,
        "note": note(found),
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
    figures = next(iter(next(iter(found.values())).values()))
    least, most = figures["images_a_class"]
    images = f"{least}" if least == most else f"{least} to {most}"
    if least < _IMAGES_A_CLASS:
        return (
            f"{images} images a class: not comparable with the papers' "
            f"{_IMAGES_A_CLASS}."
        )
    if figures["flags"]["dataset"].endswith("/partial"):
        return (
            f"An incomplete set, {images} images a training class: not comparable with "
            "the papers'."
        )
    return f"{images} images a class, as the papers have them."


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
            *([NOTES] if ways == _QUOTED_WAYS else []),
        ]
    )


def beside(figures: Mapping[str, Any]) -> str:
    """One line on what the paper and the method's own paper have for a row."""
    quoted = quoted_of(figures["ways"])
    method, shots, told = figures["method"], figures["shots"], []
    if shots in options.SHOTS:
        i = options.SHOTS.index(shots)
        for name, value in (
            ("the paper's Table 8", quoted["table_8"].get(method, (None, None))[i]),
            ("its own paper", _own_paper(quoted, figures, method, i)),
        ):
            told += [f"{name} {_cell(value)}"] if value else []
    return (
        f"On miniImageNet: {', '.join(told)}." if told else "Nothing is quoted for it."
    )


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
    return [*lines, ""] if lines else []


def _encoder(row: Mapping[str, Any]) -> str:
    """With its filters where all its blocks have as many, else its width."""
    if row["encoder"].startswith("conv4"):
        return f"{row['encoder']}, {row['filters']}"
    # Of older versions `filters` of other encoders are none of theirs.
    return f"{row['encoder']}, width {row['flags'].get('encoder_width', 1.0):g}"


def _minutes(row: Mapping[str, Any]) -> str:
    """Of all processes of a run: training, validation and test."""
    if "cost" not in row:
        return markdown.NONE
    at_least = "> " if row["cost"].get("processes_untimed") else ""
    return f"{at_least}{row['cost']['minutes']:.0f}"


def _cell(value) -> str:
    return markdown.NONE if value is None else f"{value[0]:.2f} ± {value[1]:.2f}"
