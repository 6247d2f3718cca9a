"""One call from a method and its targets to all that an evaluation leaves behind.

Files of a report `results.json`: itself, `results_probes.csv` (every probe's AP),
`results_cmc.png` and `results_ranked/TARGET.png`. The last show people: they
belong into the work directory and are never committed.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dimn_tf.evaluation import (
    cmc_plot,
    evaluator,
    ranked_pictures,
    results,
    results_files,
    table,
)
from dimn_tf.evaluation import options as options_lib
from dimn_tf.evaluation import targets as targets_lib

_NO_OPTIONS = options_lib.EvaluationOptions()


def evaluate_and_report(
    method: evaluator.Matcher,
    name: str,
    targets: Sequence[targets_lib.Target],
    path: str | os.PathLike,
    image_height: int,
    image_width: int,
    options: options_lib.EvaluationOptions = _NO_OPTIONS,
    flags: Mapping[str, Any] | None = None,
    log: Callable[[str], None] = print,
    **more: Any,
) -> dict[str, Any]:
    """Evaluates a method on targets, writes the files, then tells the table.

    Args:
      method: see `evaluator.Matcher`.
      name: the method's name, by which the paper's row is found, e.g. `dimn`.
      targets: see `targets.load_target`.
      path: of the results file, e.g. W/results.json; the rest goes beside it.
      image_height: rows of the images that the method takes.
      image_width: columns of them.
      options: see `EvaluationOptions`.
      flags: recorded in the results.
      log: takes the table.
      **more: further entries of the results, e.g. step=4000.

    Returns:
      The figures, as `results.figures_of` describes them.

    Raises:
      UserError: a path that does not end in `.json`, before anything is encoded; and
        see `evaluator.evaluate_target`.
    """
    results_files.refuse_other_ending(path)
    evaluated = [
        evaluator.evaluate_target(
            method,
            target,
            image_height,
            image_width,
            options.evaluation_batch_size,
            unmatched_probes=options.unmatched_probes,
        )
        for target in targets
    ]
    figures = results.figures_of(evaluated, name, flags, **more)
    path = pathlib.Path(path)
    results_files.write(path, figures, evaluated)
    cmc_plot.plot(
        evaluated,
        path.with_name(f"{path.stem}_cmc.png"),
        f"{name}: cumulative matching",
    )
    if options.ranked_probes:
        folder = path.parent / f"{path.stem}_ranked"
        names = _picture_names([result.target.name for result in evaluated])
        for result, file in zip(evaluated, names, strict=True):
            paint_ranked(result, name, folder / file, options.ranked_probes)
    log(table.table(figures))  # Last: where nothing can be printed, nothing is lost.
    return figures


def _picture_names(targets: Sequence[str]) -> list[str]:
    """A file for each target; those that would be called alike have a hash."""
    names = [results_files.file_name_of(target) for target in targets]
    return [
        f"{name}.png"
        if names.count(name) == 1
        else f"{name}_{hashlib.sha256(repr(target).encode()).hexdigest()[:8]}.png"
        for name, target in zip(names, targets, strict=True)
    ]


def paint_ranked(
    result: evaluator.TargetResult, name: str, path: str | os.PathLike, probes: int
) -> None:
    """Paints the ranked galleries of some probes of a target's first trial."""
    trial = result.target.trials[0]
    rows = ranked_pictures.ranked_probes(
        result.scoring, result.features, trial, count=probes
    )
    title = (
        f"{name} on {result.target.name}, {trial.name}: best {len(rows[0].gallery)} "
        f"of {len(trial.gallery_ids)} gallery images"
    )
    ranked_pictures.paint(rows, result.target.records, path, title)
