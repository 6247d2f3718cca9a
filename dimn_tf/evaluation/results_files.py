"""Results on disk: results.json, and every probe's AP in a CSV file beside it."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dimn_tf import errors, files, standard_json

if TYPE_CHECKING:  # comparing two runs takes no TensorFlow
    from dimn_tf.evaluation import evaluator, untrained_start
    from dimn_tf.evaluation import targets as targets_lib

# A target may be a folder whose name is no text; it is written as the bytes it is.
_ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}
_LONGEST_NAME = 80  # bytes
_TOLERANCE = 0.01  # Points of mAP; the files are rounded to a hundredth of it.
_ENDING = ".json"
PROBE_COLUMNS = (
    "target",
    "trial",
    "probe",
    "person_id",
    "average_precision",
    "first_match_rank",
)


def refuse_other_ending(path: str | os.PathLike) -> None:
    """Refuses a place that does not end in `.json`.

    What lies beside a result is named by its stem: of `eval.trained` and
    `eval.initial` that is one, and each would replace the other's probes and pictures.

    Raises:
      UserError: names the ending.
    """
    ending = pathlib.Path(path).suffix
    if ending != _ENDING:
        raise errors.UserError(
            f"{path}: found {f'the ending {ending}' if ending else 'no ending'}, "
            f"expected {_ENDING}: probes and pictures are named by what stands before "
            f"it. Name it {path}{_ENDING}"
        )


def place(
    path: str | os.PathLike,
    targets: Sequence[targets_lib.Target],
    name: str,
    step: int,
    unmatched_probes: str,
    own: bool = True,
    mirror: bool = False,
    start: untrained_start.Start | None = None,
) -> pathlib.Path:
    """Where a result goes, so that it never replaces another thing's result.

    A result is of a method at a step, on targets with their trials and with the
    persons and cameras of their images, with or without mirror images; where nothing
    was trained, of a start. `path` is taken
    where it is free or holds a result of just these; else the file is named by what
    it holds: `evaluations/<stem>_<step>_<targets>_<hash of the trials>.json`.

    Args:
      path: the usual place, such as W/results.json.
      targets: that are ranked.
      name: of the method, as the result records it.
      step: of the checkpoint.
      unmatched_probes: see `EvaluationOptions`.
      own: whether these are the targets that belong to `path`; if not, it is left
        alone though it be free.
      mirror: whether mirror images are matched too.
      start: what an untrained result was made with; None: it is of a trained run.

    Raises:
      UserError: `path` holds something else than a result.
    """
    path = pathlib.Path(path)
    trials = {target.name: target.trials_sha256 for target in targets}
    wanted = [name, step, unmatched_probes, trials, *(["mirror"] if mirror else [])]
    images = {
        target.name: {"images_sha256": target.images_sha256}
        for target in targets
        if target.images_sha256
    }

    def holds_the_same(file: pathlib.Path) -> bool:
        found = read(file)
        held = [
            found.get("method"),
            found.get("step"),
            found.get("flags", {}).get("unmatched_probes", unmatched_probes),
            {n: row.get("trials_sha256") for n, row in found["targets"].items()},
            *(["mirror"] if found.get("flags", {}).get("mirror") else []),
        ]
        if start and not start.is_of(found.get("flags", {})):
            return False
        return held == wanted and not labelled_otherwise(found["targets"], images)

    if path.exists():
        if holds_the_same(path):
            return path
    elif own:
        return path
    names = file_name_of("_".join(trials))
    folder = path.parent if path.parent.name == "evaluations" else None
    folder = folder or path.parent / "evaluations"

    def named_by(held: Sequence[Any]) -> pathlib.Path:
        digest = hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()
        return folder / f"{path.stem}_{step:07d}_{names}_{digest[:8]}.json"

    # As older versions named them first: without labels of the images, or a start.
    kinds = [wanted, *([[*wanted, images]] if images else [])]
    if start:
        kinds.append([*kinds[-1], {"start": start.departures}])
    *older, own_name = (named_by(held) for held in kinds)
    same = (there for there in older if there.exists() and holds_the_same(there))
    return next(same, own_name)


def labelled_otherwise(
    targets: Mapping[str, Mapping[str, Any]], others: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Targets whose images two results give to other persons or cameras: names, sorted.

    Only where both tell (`images_sha256`): those of a published protocol do not, nor
    do results of older versions.

    Args:
      targets: of a result's figures.
      others: of another's.
    """
    hashes = [
        {
            name: row["images_sha256"]
            for name, row in each.items()
            if row.get("images_sha256")
        }
        for each in (targets, others)
    ]
    return sorted(
        name
        for name in hashes[0].keys() & hashes[1].keys()
        if hashes[0][name] != hashes[1][name]
    )


def write(
    path: str | os.PathLike,
    figures: Mapping[str, Any],
    evaluated: Sequence[evaluator.TargetResult],
) -> None:
    """Writes `figures` as JSON and, beside it, each probe's AP as CSV, or neither.

    Args:
      path: where the JSON goes; `X.json` is accompanied by `X_probes.csv`.
      figures: of `results.figures_of`.
      evaluated: what they were made from.
    """
    beside = probes_path(path)
    text = standard_json.text({**figures, "probes_file": beside.name})
    with files.replacing(path) as partial, files.replacing(beside) as partial_beside:
        with open(partial_beside, "w", newline="", **_ENCODING) as file:
            writer = csv.writer(file)
            writer.writerow(PROBE_COLUMNS)
            for result in evaluated:
                writer.writerows(_probe_rows(result))
        partial.write_text(text, encoding="utf-8")


def read(path: str | os.PathLike) -> dict[str, Any]:
    """The figures of a results file."""
    try:
        figures = standard_json.read_object(path)
    except (OSError, ValueError) as error:
        raise errors.UserError(
            f"{path} is no results file ({error}): name a results.json that "
            "experiments.evaluate wrote"
        ) from error
    targets, flags = figures.get("targets"), figures.get("flags", {})
    if (
        not isinstance(targets, dict)
        or not all(isinstance(row, dict) for row in targets.values())
        or not isinstance(flags, dict)
    ):
        raise errors.UserError(
            f"{path} is no results file (its `targets` or `flags` are of another form, "
            "or missing): name a results.json that experiments.evaluate wrote"
        )
    return figures


def read_probes(path: str | os.PathLike) -> list[dict[str, str]]:
    """The rows of the per-probe file that belongs to a results file.

    Raises:
      UserError: there is none, or it is not as `write` wrote it.
    """
    beside = probes_path(path)
    try:
        with open(beside, newline="", **_ENCODING) as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except OSError as error:
        raise errors.UserError(
            f"{path} lacks its per-probe file {beside.name} ({error}): the two belong "
            "together; evaluate again to write both"
        ) from error
    if tuple(reader.fieldnames or ()) != PROBE_COLUMNS:
        raise errors.UserError(
            f"{beside} has columns {reader.fieldnames}, expected {PROBE_COLUMNS}"
        )
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values() or not _is_number_or_empty(row):
            raise errors.UserError(
                f"{beside} is damaged: its row {number} is {list(row.values())}, "
                f"expected {len(PROBE_COLUMNS)} cells of which the fifth is a number "
                "or empty. Evaluate again to write it anew"
            )
    return rows


def refuse_other_probes(
    figures: Mapping[str, Any], probes: Sequence[Mapping[str, str]]
) -> None:
    """Refuses probes whose APs do not give the figures' mAP.

    Args:
      figures: of a results file.
      probes: rows of the file beside it.

    Raises:
      UserError: with what is wrong; the caller names the file.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for row in probes:
        of_trial = found.setdefault(row["target"], {}).setdefault(row["trial"], [])
        if row["average_precision"]:
            of_trial.append(100 * float(row["average_precision"]))
    for target, values in figures["targets"].items():
        trials = [sum(aps) / len(aps) for aps in found.pop(target, {}).values() if aps]
        mean = sum(trials) / len(trials) if trials else math.nan
        said = _mean_average_precision(values)
        if not abs(mean - said) <= _TOLERANCE:
            raise errors.UserError(
                f"the probes beside it give {target} an mAP of {mean:.2f}, it says "
                f"{said:.2f}: they are of another run"
            )
    if found:
        raise errors.UserError(f"the probes beside it have {', '.join(found)} too")


def _mean_average_precision(of_target: Mapping[str, Any]) -> float:
    """A target's mAP as its figures say it; NaN: they do not."""
    try:
        return float(of_target["mAP"]["mean"])
    except (KeyError, TypeError, ValueError):
        return math.nan


def _is_number_or_empty(row: Mapping[str, str]) -> bool:
    try:
        return not row["average_precision"] or 0 <= float(row["average_precision"]) <= 1
    except ValueError:
        return False


def probes_path(path: str | os.PathLike) -> pathlib.Path:
    """The per-probe file of a results file: results.json -> results_probes.csv."""
    path = pathlib.Path(path)
    return path.with_name(f"{path.stem}_probes.csv")


def file_name_of(text: str) -> str:
    """What is left of a text as a part of a file's name, 80 bytes at most."""
    name = re.sub(r"[^\w.-]+", "_", text)
    return name.encode()[:_LONGEST_NAME].decode(errors="ignore")


def _probe_rows(result: evaluator.TargetResult) -> Iterator[tuple]:
    names = result.target.records.file_names
    rankings = result.rankings["method"]
    for trial, ranked in zip(result.target.trials, rankings, strict=True):
        for i, probe in enumerate(trial.probe_indices):
            matched = ranked.first_match_ranks[i] > 0
            yield (
                result.target.name,
                trial.name,
                names[probe],
                trial.probe_ids[i],
                # Empty for a probe without a true match.
                f"{ranked.average_precisions[i]:.6f}" if matched else "",
                ranked.first_match_ranks[i] if matched else "",
            )
