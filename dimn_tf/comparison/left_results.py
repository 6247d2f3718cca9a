"""Which of the results that a finished run left are on the trials that are expected."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from dimn_tf import errors
from dimn_tf.evaluation import results_files
from dimn_tf.evaluation import targets as targets_lib
from dimn_tf.training import recipe as recipe_lib
from dimn_tf.training import workdir


def place(
    run: workdir.WorkDir,
    recipe: recipe_lib.Recipe,
    targets: Sequence[targets_lib.Target],
    unmatched_probes: str,
) -> pathlib.Path:
    """Where training left its results on these trials, if it did.

    A finished run's results.json stays as it is where its targets were built anew
    since, with other trials or labels: the new results then lie in `evaluations/`.

    Args:
        run: Its work directory.
        recipe: What it was trained by.
        targets: With the trials that are expected.
        unmatched_probes: See `EvaluationOptions`.
    """
    return results_files.place(
        run.results,
        targets,
        recipe.method,
        recipe.train_steps,
        unmatched_probes,
        mirror=recipe.encoder.mirror,
    )


def refuse_missing(
    path: pathlib.Path, usual: pathlib.Path, held: Mapping[str, Any]
) -> None:
    """Refuses where only results on other trials, or of another step, are there.

    Args:
        path: See `place`.
        usual: The run's results.json.
        held: Its figures.

    Raises:
        errors.UserError: names both files.
    """
    if path.is_file():
        return
    raise errors.UserError(
        f"{usual}: of {held.get('method')} at step {held.get('step')}, and not on the "
        f"expected trials and labels; {path}, which would be, is missing. The targets "
        "were built anew in between: give the same command again"
    )
