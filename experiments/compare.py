"""Trains the paper's systems in turn, and prints the paper's tables with our figures.

    python -m experiments.compare --flagfile=compare_small.flags

Every row of Tables 2 and 7 is a run of `experiments.train` in a process of its own, in
--workdir/ROW_seedN. Its results and what it cost go to --results_dir; a row that is
there is not trained again. After each row the tables, the plot and results.json of
what is there are written anew. The same command goes on after an interruption.
"""

import pathlib
import shlex
import sys

from absl import flags as absl_flags

from dimn_tf import errors, files, standard_json
from dimn_tf.comparison import alike, gathered, place, plot, rows, tables
from dimn_tf.data import label_space, records, sampler
from dimn_tf.evaluation import targets as targets_lib
from dimn_tf.training import build
from dimn_tf.training import run as training_run
from experiments import (
    devices,
    flags,
    launch,
    path_flags,
    prepare,
    row_run,
    wanted_rows,
)

FLAGS = flags.FLAGS


def define() -> None:
    """Defines the command's flags."""
    flags.define_run()
    FLAGS["method"].help = "Each row's own: not to be given here."
    FLAGS["workdir"].help = "Folder of all rows' runs."
    path_flags.define_path(
        "results_dir",
        None,
        "Folder of the small files: results, tables, plot.",
        required=True,
    )
    absl_flags.DEFINE_list(
        "rows",
        list(rows.ROWS),
        f"Which rows, in this order; of {', '.join(rows.ROWS)}.",
    )
    absl_flags.DEFINE_list(
        "more_seeds",
        [],
        "Further seeds of single rows, ROW:SEED, such as dimn:1,aggregation:1.",
    )


def main(argv):
    del argv
    if FLAGS["method"].present:
        raise errors.UserError(
            f"--method={FLAGS.method}: each row has its own. Leave it out, or name the "
            "rows by --rows"
        )
    path_flags.refuse_no_text("workdir")
    flags.evaluation()  # Each row would be told its fault in a process of its own.
    command = f"python -m experiments.compare {shlex.join(sys.argv[1:])}"
    folder = pathlib.Path(FLAGS.results_dir)
    wanted = wanted_rows.places()
    wanted_rows.refuse_heldout()
    runs = [wanted_rows.run(where) for where in wanted]
    # Before anything is trained.
    path_flags.refuse_no_folder("results_dir")
    wanted_rows.refuse_other_results()
    for run in runs:
        run.refuse_others_results()
    there = gathered.figures_there(folder)
    if not all(run.is_done for run in runs):
        devices.prepare()  # Else building data sets takes the GPU from the rows.
        sources = _sources()
        images = _space(sources, FLAGS.seed).num_images
        runs = [wanted_rows.run(where, images) for where in wanted]
        targets = _refuse_unlike(
            [run for run in runs if not run.is_done], there, sources
        )
        runs = [wanted_rows.run(where, images, targets) for where in wanted]
        wanted_rows.tell_unused(runs)
    failed = _train(runs, folder, command)
    if any(place.seeds_of(folder, name) for name in rows.ROWS):
        text, overview = _write(folder, command)
        print(f"{text}\n{overview}\n")  # The last is what stays on the screen.
        print(f"Tables, plot and results: {folder}")
    if failed:
        raise errors.UserError(
            f"{len(failed)} of {len(runs)} rows are missing, their errors are above; "
            "the same command trains them again:\n" + "\n".join(failed)
        )


def _train(runs, folder: pathlib.Path, command: str) -> list[str]:
    """Trains what is missing; a row that fails does not keep the others.

    Returns:
        A line for each row that failed.
    """
    failed = []
    for number, run in enumerate(runs, start=1):
        title = f"[{number}/{len(runs)}] {run.place.name}, seed {run.place.seed}"
        if run.is_done:
            print(f"{title}: there already, {run.place.results}", flush=True)
            continue
        print(f"{title}: {run.workdir.root}", flush=True)
        if told := _train_one(run):
            failed.append(f"  {run.place.name}, seed {run.place.seed}: {told}")
            print(failed[-1], flush=True)
        elif number < len(runs):
            _write(folder, command)
    return failed


def _train_one(run: row_run.RowRun) -> str:
    """Trains a row; gives what went wrong, or nothing."""
    try:
        status = run.train()
    except errors.UserError as error:
        return str(error)
    if not status:
        return ""
    ended = f"signal {-status}" if status < 0 else f"exit status {status}"
    return f"ended with {ended} ({run.workdir.root})"


def _sources() -> list[records.ReidRecords]:
    """All sources, built before."""
    wanted = [*FLAGS.sources, *FLAGS.targets]
    prepare.data_sets(wanted, FLAGS.data_dir, FLAGS.manual_dir)
    return [records.load_records(name, FLAGS.data_dir) for name in FLAGS.sources]


def _space(sources, seed: int) -> label_space.LabelSpace:
    """What a row of a seed is trained on."""
    return label_space.LabelSpace.build(
        sources, holdout_identities=FLAGS.holdout_identities, seed=seed
    )


def _refuse_unlike(missing, there, sources) -> list[targets_lib.Target]:
    """Refuses rows that could not stand beside each other and beside what is there.

    Args:
        missing: The runs that are to be trained.
        there: Figures of what is there, by place.
        sources: Their records.

    Returns:
        The targets, with the trials that the rows are to be judged on.
    """
    flags_of = {where: found["flags"] for where, found in there.items()}
    recorded = {run.place: run.recorded for run in missing}
    alike.refuse_unlike({**flags_of, **recorded})
    spaces = {
        seed: _space(sources, seed)
        for seed in {FLAGS.seed, *(run.place.seed for run in missing)}
    }
    untrained = {}
    for run in missing:
        _refuse_untrainable(run, spaces[run.place.seed], untrained)
    hashes = {seed: training_run.sha256_of(space) for seed, space in spaces.items()}
    persons = spaces[FLAGS.seed].holdout
    targets = prepare.targets_beside(
        FLAGS.targets, FLAGS.data_dir, persons, flags.evaluation()
    )
    trials = {target.name: target.hashes for target in targets}
    expected = {
        run.place: {
            "flags": recorded[run.place],
            "sources_sha256": hashes[run.place.seed],
            "cost": {"training_images": run.training_images},
            "targets": trials,
        }
        for run in missing
    }
    alike.refuse_other_sources({**there, **expected})
    alike.refuse_other_trials({**there, **expected})
    return targets


def _refuse_untrainable(
    run: row_run.RowRun, space: label_space.LabelSpace, untrained: dict
) -> None:
    """Refuses what a row's own process would, hours later; see `build`."""
    recipe = run.recipe
    try:
        build.refuse_untrainable(recipe, untrained)
        sampler.IdentitySampler(
            space, recipe.batch_request, run.place.seed, recipe.hard_groups()
        )
    except errors.UserError as error:
        raise errors.UserError(f"{run.place.name} of --rows: {error}") from error


def _write(folder: pathlib.Path, command: str) -> tuple[str, str]:
    """Writes the tables, the plot and results.json of what is there.

    Returns:
        All tables, and the overview alone.
    """
    found = gathered.gather(folder)
    text = tables.all_tables(found)
    with files.replacing(folder / "results.json") as partial:
        partial.write_text(standard_json.text(gathered.record(found, command)))
    with files.replacing(folder / "tables.md") as partial:
        partial.write_text(text, encoding="utf-8")
    plot.plot(found, folder / "comparison.png")
    return text, tables.overview(found)


if __name__ == "__main__":
    launch.launch(
        define,
        main,
        kept="the rows that are done are kept, and the same command goes on",
    )
