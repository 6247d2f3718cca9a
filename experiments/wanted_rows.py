"""The runs that a comparison's flags ask for."""

import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

from dimn_tf import errors, standard_json
from dimn_tf.comparison import place, rows
from dimn_tf.evaluation import targets as targets_lib
from experiments import flags, row_run

FLAGS = flags.FLAGS
_PLACES = ("data_dir", "manual_dir")


def places() -> list[place.Place]:
    """Where the results of each run go, with its row and seed.

    Raises:
        errors.UserError: a row that is not known, or what is no seed.
    """
    if not FLAGS.rows:
        raise errors.UserError(f"--rows=: name some of {', '.join(rows.ROWS)}")
    for name in FLAGS.rows:
        if name not in rows.ROWS:
            raise errors.UserError(
                f"--rows: there is no {name}. Known: {', '.join(rows.ROWS)}"
            )
    wanted = [(name, FLAGS.seed) for name in FLAGS.rows]
    for text in FLAGS.more_seeds:
        name, _, seed = text.partition(":")
        if name not in rows.ROWS or not (seed.isascii() and seed.isdecimal()):
            raise errors.UserError(
                f"--more_seeds={text}: expected ROW:SEED, such as dimn:1; rows: "
                f"{', '.join(rows.ROWS)}"
            )
        if name in FLAGS.rows:
            wanted.append((name, int(seed)))
    folder = pathlib.Path(FLAGS.results_dir)
    return [place.Place(folder, *each) for each in dict.fromkeys(wanted)]


def _given() -> dict[str, Any]:
    """The options that are given, by flag name."""
    return {
        name: FLAGS[name].value
        for name in flags.run_option_names()
        if not FLAGS[name].using_default_value
    }


def run(
    where: place.Place,
    images: int | None = None,
    targets: Sequence[targets_lib.Target] = (),
) -> row_run.RowRun:
    """A row's run.

    Args:
        where: Its results go.
        images: Of all sources; None: not known.
        targets: With their trials; none: not known.
    """
    return row_run.RowRun(
        place=where,
        given={**_given(), "targets": FLAGS.targets},
        places={name: FLAGS[name].value for name in _PLACES},
        parent=pathlib.Path(FLAGS.workdir),
        training_images=images,
        targets=targets,
    )


def refuse_heldout() -> None:
    """Refuses people set aside as a target where none are, or others by seed.

    Raises:
        errors.UserError: names the flag that is missing or too many.
    """
    if flags.HELDOUT not in FLAGS.targets:
        return
    if not FLAGS.holdout_identities:
        raise errors.UserError(
            f"--targets={flags.HELDOUT}: no identity is set aside. Give "
            "--holdout_identities=N too"
        )
    if FLAGS.more_seeds:
        raise errors.UserError(
            f"--more_seeds={','.join(FLAGS.more_seeds)}: each seed sets other people "
            f"aside, so that --targets={flags.HELDOUT} would be others. Leave it out"
        )


def refuse_other_results() -> None:
    """Refuses to replace a results.json of a run's work directory by a comparison's.

    Raises:
        errors.UserError: --results_dir has one that is of no comparison.
    """
    path = pathlib.Path(FLAGS.results_dir) / "results.json"
    if not path.exists():
        return
    try:
        rows_there = standard_json.read_object(path).get("rows")
    except (OSError, ValueError):
        rows_there = None
    if not isinstance(rows_there, dict):
        raise errors.UserError(
            f"--results_dir={FLAGS.results_dir}: {path} has no `rows`, so it is of no "
            "comparison and would be replaced. Name another folder, or move the file "
            "away"
        )


def tell_unused(runs: Iterable[row_run.RowRun]) -> None:
    """Tells of options that no wanted row has: a flag file may serve others too."""
    taken = set().union(*(each.options for each in runs), ["train_images"])
    for name, value in _given().items():
        if name not in taken:
            print(f"--{name}={value}: none of the wanted rows has it", flush=True)
