"""Trains the paper's systems one after the other, and prints its tables of ours.

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
from dimn_tf.comparison import gathered, place, plot, rows, tables
from dimn_tf.data import label_space, records
from experiments import flags, launch, path_flags, prepare, row_run

FLAGS = flags.FLAGS
_PLACES = ("data_dir", "manual_dir")


def define() -> None:
    """Defines the command's flags."""
    flags.define_run()
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
    command = f"python -m experiments.compare {shlex.join(sys.argv[1:])}"
    folder = pathlib.Path(FLAGS.results_dir)
    places = [place.Place(folder, name, seed) for name, seed in _wanted()]
    runs = [_run(place) for place in places]
    for run in runs:  # Before anything is trained.
        run.refuse_others_results()
    if not all(run.is_done for run in runs):
        images = _training_images()
        runs = [_run(place, images) for place in places]
        for run in runs:
            _ = run.recipe  # Refuses what its method cannot be trained with.
    failed = _train(runs, folder, command)
    print(_write(folder, command))
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
        if status := run.train():
            ended = f"signal {-status}" if status < 0 else f"exit status {status}"
            failed.append(
                f"  {run.place.name}, seed {run.place.seed}: ended with {ended} "
                f"({run.workdir.root})"
            )
            print(failed[-1], flush=True)
        elif number < len(runs):
            _write(folder, command)
    return failed


def _wanted() -> list[tuple[str, int]]:
    """Row and seed of each run."""
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
    return list(dict.fromkeys(wanted))


def _run(where: place.Place, images: int | None = None) -> row_run.RowRun:
    given = {
        name: FLAGS[name].value
        for name in flags.run_option_names()
        if not FLAGS[name].using_default_value
    }
    return row_run.RowRun(
        place=where,
        given={**given, "targets": FLAGS.targets},
        places={name: FLAGS[name].value for name in _PLACES},
        parent=pathlib.Path(FLAGS.workdir),
        training_images=images,
    )


def _training_images() -> int:
    """Of all sources, once they are built."""
    wanted = [*FLAGS.sources, *FLAGS.targets]
    prepare.data_sets(wanted, FLAGS.data_dir, FLAGS.manual_dir)
    return label_space.LabelSpace.build(
        [records.load_records(name, FLAGS.data_dir) for name in FLAGS.sources],
        holdout_identities=FLAGS.holdout_identities,
        seed=FLAGS.seed,
    ).num_images


def _write(folder: pathlib.Path, command: str) -> str:
    """Writes the tables, the plot and results.json of what is there.

    Returns:
        The tables.
    """
    found = gathered.gather(folder)
    text = tables.all_tables(found)
    with files.replacing(folder / "results.json") as partial:
        partial.write_text(standard_json.text(gathered.record(found, command)))
    with files.replacing(folder / "tables.md") as partial:
        partial.write_text(text)
    plot.plot(found, folder / "comparison.png")
    return text


if __name__ == "__main__":
    launch.launch(
        define,
        main,
        kept="the rows that are done are kept, and the same command goes on",
    )
