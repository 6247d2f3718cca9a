"""Trains the paper's systems one after the other, and prints its tables of ours.

    python -m experiments.compare --flagfile=compare_small.flags

Every row is a run of `experiments.train` in a process of its own, in
--workdir/ROW_seedS. Its results and costs go to --results_dir, where a row that is
there is not trained again; after each row the tables, the plot and results.json of
what there is are written anew. The same command goes on after an interruption.
"""

import json
import pathlib
import shlex
import sys

from absl import flags as absl_flags

from dimn_tf import errors, files
from dimn_tf.comparison import gathered, plot, rows, tables
from dimn_tf.data import label_space, records
from experiments import child_runs, flags, launch, path_flags, prepare

FLAGS = flags.FLAGS
_OWN = ("workdir", "results_dir", "rows", "more_seeds", "method", "seed")


def define() -> None:
    """Defines the command's flags."""
    flags.define_run()
    path_flags.define_path(
        "results_dir",
        None,
        "Folder of the small files: results, tables, plot.",
        required=True,
    )
    absl_flags.DEFINE_list("rows", list(rows.ROWS), "Which rows, in this order.")
    absl_flags.DEFINE_list(
        "more_seeds", [], "Further seeds of single rows, such as dimn:1,aggregation:1."
    )


def main(argv):
    if FLAGS["method"].present:
        raise errors.UserError(
            "--method: the rows have theirs; leave the flag out, or name --rows"
        )
    folder = pathlib.Path(FLAGS.results_dir)
    del argv
    command = "python -m experiments.compare " + shlex.join(sys.argv[1:])
    wanted = _wanted()
    prepare.data_sets(
        [*FLAGS.sources, *FLAGS.targets], FLAGS.data_dir, FLAGS.manual_dir
    )
    images = label_space.LabelSpace.build(
        [records.load_records(name, FLAGS.data_dir) for name in FLAGS.sources],
        holdout_identities=FLAGS.holdout_identities,
        seed=FLAGS.seed,
    ).num_images
    runs = [
        child_runs.Run(
            gathered.Place(folder, name, seed), _given(), FLAGS.workdir, images
        )
        for name, seed in wanted
    ]
    for run in runs:  # Before the first one is trained.
        run.check()
    for number, run in enumerate(runs, start=1):
        title = f"[{number}/{len(runs)}] {run.place.name}, seed {run.place.seed}"
        if run.is_done:
            print(f"{title}: there already, {run.place.results}", flush=True)
            continue
        print(f"{title}: training in {run.workdir}", flush=True)
        run.train()
        _write(folder, command)
    text = _write(folder, command)
    print(text)
    print(f"Tables, plot, results: {folder}")


def _wanted() -> list[tuple[str, int]]:
    unknown = [name for name in FLAGS.rows if name not in rows.ROWS]
    if unknown:
        raise errors.UserError(
            f"--rows={','.join(unknown)}: no such row. Known: {', '.join(rows.ROWS)}"
        )
    wanted = [(name, FLAGS.seed) for name in FLAGS.rows]
    for text in FLAGS.more_seeds:
        name, _, seed = text.partition(":")
        if name not in rows.ROWS or not seed.isdecimal():
            raise errors.UserError(
                f"--more_seeds={text}: expected ROW:SEED, such as dimn:1"
            )
        if (name, int(seed)) not in wanted and name in FLAGS.rows:
            wanted.append((name, int(seed)))
    return wanted


def _given() -> dict[str, str]:
    """What of a run's options was given, as text, by flag name."""
    found = {}
    for name in flags.run_option_names():
        flag = FLAGS[name]
        if not flag.using_default_value and name not in _OWN:
            found[name] = _text(flag.value)
    for name in ("data_dir", "manual_dir"):
        found[name] = FLAGS[name].value
    return found


def _text(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _write(folder: pathlib.Path, command: str) -> str:
    found = gathered.gather(folder)
    text = tables.all_tables(found)
    with files.replacing(folder / "results.json") as partial:
        partial.write_text(json.dumps(gathered.record(found, command), indent=1) + "\n")
    with files.replacing(folder / "tables.md") as partial:
        partial.write_text(text)
    plot.plot(found, folder / "comparison.png")
    return text


if __name__ == "__main__":
    launch.launch(
        define,
        main,
        kept="rows that are done are kept, and the same command goes on",
    )
