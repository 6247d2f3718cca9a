"""The paper's Table 8: what is there of it, as a record and as a table."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from dimn_tf import errors, fewshot, standard_json
from dimn_tf.comparison import markdown
from dimn_tf.fewshot import options

_IMAGES_A_CLASS = 600  # Of miniImageNet.
NOTES_FILE = "notes.json"
"""In a table's folder: what is to be said of single rows; see `_notes`."""
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


def run_name(method: str, shots: int) -> str:
    """What a run is called, in flags and as a folder."""
    return f"{method}_{shots}shot"


def path_of(folder: pathlib.Path, method: str, shots: int) -> pathlib.Path:
    """Where a row's figures lie."""
    return folder / f"{run_name(method, shots)}.json"


def gather(folder: pathlib.Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Method -> shots as text -> figures of `figures.figures_of`, of what is there.

    Raises:
        errors.UserError: a file that is no such figures, or of another row, data set or
            number of ways.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    first: tuple[pathlib.Path, dict[str, Any]] | None = None
    for method in fewshot.METHODS:
        for shots in options.SHOTS:
            path = path_of(folder, method, shots)
            if not path.is_file():
                continue
            figures = read(path, method, shots)
            first = first or (path, figures)
            _refuse_other_ways(path, figures, *first)
            _refuse_other_data(path, figures, *first)
            found.setdefault(method, {})[str(shots)] = figures
    for run, text in _notes(folder).items():
        method, _, shots = run.rpartition("_")
        row = found.get(method, {}).get(shots.removesuffix("shot"))
        if row:
            row["note"] = text
    return found


def _refuse_other_ways(path, figures, first_path, first_figures) -> None:
    one, other = (f["ways"] for f in (first_figures, figures))
    if one != other:
        raise errors.UserError(
            f"{path}: of --ways={other}, {first_path} of {one}. One table tells as "
            "many classes apart in every row: move one of them away, or name another "
            "--results_dir"
        )


def _refuse_other_data(path, figures, first_path, first_figures) -> None:
    one, other = (f["flags"]["dataset"] for f in (first_figures, figures))
    told = f"of --dataset={other}, {first_path} of {one}"
    if one == other:
        if first_figures["images_sha256"] == figures["images_sha256"]:
            return
        told = f"of other images than {first_path}, both of --dataset={one}"
    raise errors.UserError(
        f"{path}: {told}. One table is of one data set: move one of them away, or name "
        "another --results_dir"
    )


def _notes(folder: pathlib.Path) -> dict[str, str]:
    """What is to be said of single rows, by `run_name`; written by hand.

    Raises:
        errors.UserError: no such object, or a row that there is not.
    """
    path = folder / NOTES_FILE
    if not path.is_file():
        return {}
    runs = {run_name(m, k) for m in fewshot.METHODS for k in options.SHOTS}
    try:
        found = standard_json.read_object(path)
        for run, text in found.items():
            if run not in runs or not isinstance(text, str) or not text.strip():
                raise ValueError(f"it has {run!r}: {text!r}")
    except ValueError as error:
        raise errors.UserError(
            f'{path}: expected texts by run, such as {{"maml_1shot": "..."}} ({error})'
        ) from error
    return found


def read(path: pathlib.Path, method: str, shots: int) -> dict[str, Any]:
    """A row's figures.

    Raises:
        errors.UserError: see `gather`.
    """
    try:
        figures = standard_json.read_object(path)
        told = [figures["method"], figures["shots"], float(figures["accuracy"]) >= 0]
        if told != [method, shots, True] or "dataset" not in figures["flags"]:
            raise ValueError(f"it is of {told[0]}, {told[1]}-shot")
        float(figures["interval"]), figures["filters"], figures["statistics"]
        if not isinstance(figures["ways"], int) or figures["ways"] < 2:
            raise ValueError(f"its ways are {figures['ways']}")
        figures["images_sha256"], float(figures["test_seconds"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise errors.UserError(
            f"{path}: not the figures of {method}, {shots}-shot ({error}). Move it "
            "away; the same command makes them again"
        ) from error
    return figures


def refuse_other(
    figures: Mapping[str, Any],
    path: pathlib.Path,
    flags: Mapping[str, Any],
    defaults: Mapping[str, Any],
) -> None:
    """Refuses a row's file that was made with other flags than are given now.

    Args:
        figures: Of `read`.
        path: Where they lie.
        flags: As a run with these flags would record them.
        defaults: Those of a run that was given nothing: what an older file does not
            know yet, it was made with.

    Raises:
        errors.UserError: names the first flag.
    """
    held = {**json.loads(standard_json.text(dict(defaults))), **figures["flags"]}
    for name, value in json.loads(standard_json.text(dict(flags))).items():
        if held.get(name, value) != value:
            raise errors.UserError(
                f"{path}: made with --{name}={held[name]}, now {value} is asked for. "
                "Give the flag as it was, name another --results_dir, or move the file "
                "away"
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
    """N of the table's episodes, which all rows have alike; see `gather`."""
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
