"""One call from a method and its targets to all that an evaluation leaves behind.

Files of a report `results.json`: itself, `results_probes.csv` (every probe's AP),
`results_cmc.png` and `results_ranked/TARGET.png`. The last show people: they
belong into the work directory and are never committed.
"""

from __future__ import annotations

import os
import pathlib
import re
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
    """Evaluates a method on targets, prints the table and writes the files.

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
    """
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
    log(table.table(figures))
    results_files.write(path, figures, evaluated)
    path = pathlib.Path(path)
    cmc_plot.draw(
        evaluated,
        path.with_name(f"{path.stem}_cmc.png"),
        f"{name}: cumulative matching",
    )
    if options.ranked_probes:
        for result in evaluated:
            file = re.sub(r"[^\w.-]+", "_", result.target.name) + ".png"
            picture = path.parent / f"{path.stem}_ranked" / file
            draw_ranked(result, name, picture, options.ranked_probes)
    return figures


def draw_ranked(
    result: evaluator.TargetResult, name: str, path: str | os.PathLike, probes: int
) -> None:
    """Draws the ranked galleries of some probes of a target's first trial."""
    trial = result.target.trials[0]
    rows = ranked_pictures.ranked_probes(
        result.scoring, result.features, trial, count=probes
    )
    title = (
        f"{name} on {result.target.name}, {trial.name}: best {len(rows[0].gallery)} "
        f"of {len(trial.gallery_ids)} gallery images"
    )
    ranked_pictures.draw(rows, result.target.records, path, title)
