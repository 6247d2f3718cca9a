r"""Few-shot learning on miniImageNet: the rows of the paper's Table 8.

    python -m experiments.fewshot --flagfile=fewshot.flags --method=dimn --shots=1 \
        --workdir=runs/fewshot/dimn
    python -m experiments.fewshot --flagfile=fewshot.flags --method=all \
        --workdir=runs/fewshot --results_dir=runs/fewshot_results

Trains on the training classes, chooses a step by the validation classes, and tests on
episodes of the test classes. `--method=all` makes each row that --results_dir lacks, at
1 and at 5 shots, in a process of its own in --workdir/METHOD_Kshot, and prints the
table of what is there; where one training serves both shots (DIMN, PPA, Reptile), it is
made once, in --workdir/METHOD. The same command goes on after an interruption.
"""

import pathlib
import shlex
import sys

from absl import flags as absl_flags

from data_builders import registry
from dimn_tf import errors, fewshot, files, standard_json
from dimn_tf.fewshot import figures as run_figures
from dimn_tf.fewshot import options, plot, recipe, row_files, run, run_data, table8
from dimn_tf.training import workdir
from experiments import (
    devices,
    fewshot_costs,
    fewshot_results,
    flags,
    launch,
    own_flags,
    path_flags,
    timed_process,
)

FLAGS = flags.FLAGS
ALL = "all"


def define() -> None:
    """Defines the command's flags."""
    absl_flags.DEFINE_enum(
        "method", "dimn", [*fewshot.METHODS, ALL], "What is trained; all: every row."
    )
    path_flags.define_path(
        "workdir", None, "Folder of the run, or of all runs.", required=True
    )
    flags.define_data_places()
    path_flags.define_path(
        "results_dir",
        None,
        "Folder of the table's small files, one for each row; needed by --method=all.",
    )
    own_flags.define()
    flags.define_recipe(recipe.FewShotRecipe)
    flags.define_group(options.TestOptions)


def main(argv):
    del argv
    path_flags.refuse_no_text("workdir")
    of_runs = own_flags.read()
    if FLAGS.method == ALL:
        _all(of_runs)
        return
    found, test = own_flags.options_of(FLAGS.method, FLAGS.shots, of_runs)
    if FLAGS.results_dir:
        path_flags.refuse_no_folder("results_dir")
        _refuse_other(found, test, workdir.WorkDir(pathlib.Path(FLAGS.workdir)))
    devices.prepare(found.optimiser.deterministic)
    directory = workdir.WorkDir(pathlib.Path(FLAGS.workdir))
    registry.refuse_persons(found.data.dataset)
    registry.build(found.data.dataset, FLAGS.data_dir, FLAGS.manual_dir)
    if FLAGS.results_dir:
        _refuse_other_table(found, run_data.load(found.data.dataset, FLAGS.data_dir))
    with workdir.locked(directory):
        held = fewshot_results.held_in(directory)
        figures = run.train_and_test(found, test, directory, FLAGS.data_dir)
        place = fewshot_results.place_of(directory, held, figures)
        with files.replacing(place) as partial:
            partial.write_text(standard_json.text(figures))
        if FLAGS.results_dir:
            fewshot_results.keep(figures, pathlib.Path(FLAGS.results_dir))
    print(
        f"{found.method}, {figures['ways']}-way {figures['shots']}-shot: "
        f"{figures['accuracy']:.2f} ± {figures['interval']:.2f} % on test classes "
        f"({figures['episodes']:,} episodes, {figures['test_seconds']:.0f} s)."
    )
    print(table8.beside(figures))
    print(f"Results: {place}; curves: {directory.loss_curves}")


def _refuse_other(found, test, directory) -> bool:
    """Whether a row is there; refuses one that was made with other flags."""
    shots = found.method_options.shots
    path = row_files.path_of(pathlib.Path(FLAGS.results_dir), found.method, shots)
    if not path.is_file():
        return False
    row_files.refuse_other(
        row_files.read(path, found.method, shots),
        path,
        run_figures.flags_of(found, test, directory),
        run_figures.defaults_of(found.method),
    )
    return True


def _refuse_other_table(found, spaces) -> None:
    """Refuses a row that does not go with those of --results_dir."""
    row_files.refuse_other_table(
        pathlib.Path(FLAGS.results_dir),
        found.method_options.ways,
        found.data.dataset,
        run_data.sha256_of(spaces),
    )


def _all(of_runs) -> None:
    if not FLAGS.results_dir:
        raise errors.UserError(
            f"--method={ALL}: give --results_dir, the folder of the table's files"
        )
    if FLAGS["shots"].present:
        raise errors.UserError(
            f"--shots={FLAGS.shots}: --method={ALL} makes each row at "
            f"{' and at '.join(map(str, options.SHOTS))} shots. Leave the flag out, or "
            "name a --method"
        )
    folder, failed = pathlib.Path(FLAGS.results_dir), []
    rows = [(method, shots) for method in fewshot.METHODS for shots in options.SHOTS]
    # What can be refused is refused before hours.
    path_flags.refuse_no_folder("results_dir")
    asked = {row: own_flags.options_of(*row, of_runs) for row in rows}
    places = {
        row: pathlib.Path(FLAGS.workdir) / _folder_of(*row, asked) for row in rows
    }
    there = {
        row: _refuse_other(*of_row, workdir.WorkDir(places[row]))
        for row, of_row in asked.items()
    }
    row_files.gather(folder)
    registry.refuse_persons(FLAGS.dataset)
    registry.build(FLAGS.dataset, FLAGS.data_dir, FLAGS.manual_dir)
    wanted = [row for row in rows if not there[row]]
    _refuse(wanted, asked)
    fewshot_costs.make_up([(*row, places[row]) for row in rows if there[row]], folder)
    for number, (method, shots) in enumerate(rows, start=1):
        title = f"[{number}/{len(rows)}] {method}, {shots}-shot"
        path = row_files.path_of(folder, method, shots)
        if there[method, shots]:
            print(f"{title}: there already, {path}", flush=True)
            continue
        place = places[method, shots]
        print(f"{title}: {place}", flush=True)
        fewshot_costs.count_unseen(place, shots)
        status, cost = timed_process.run(
            [
                *("experiments.fewshot", *sys.argv[1:]),
                *(f"--method={method}", f"--shots={shots}", f"--workdir={place}"),
            ],
            fewshot_costs.path_of(place, shots),
        )
        if status:
            failed.append(f"  {method}, {shots}-shot: exit status {status} ({place})")
            print(failed[-1], flush=True)
        else:
            fewshot_costs.put(path, method, shots, cost)
            _write(folder)
    if row_files.gather(folder):
        print(_write(folder))
        print(f"Table, plot and results: {folder}")
    if failed:
        raise errors.UserError(
            f"{len(failed)} of {len(rows)} rows are missing, their errors are above; "
            "the same command trains them again:\n" + "\n".join(failed)
        )


def _refuse(rows, asked) -> None:
    """Refuses what a row's own process would, hours later."""
    if not rows:
        return
    devices.prepare()  # Else the models that are made here take the GPU from the rows.
    spaces = run_data.load(FLAGS.dataset, FLAGS.data_dir)
    for method, shots in rows:
        found, test = asked[method, shots]
        _refuse_other_table(found, spaces)
        data = run_data.lay(found, test, spaces)
        place = pathlib.Path(FLAGS.workdir) / _folder_of(method, shots, asked)
        directory = workdir.WorkDir(place)
        workdir.refuse_other(directory, found.recorded(directory))
        run.selections(found, test, data, directory)
        fewshot_results.held_in(directory)


def _folder_of(method: str, shots: int, asked) -> str:
    """A run's folder; what is trained and validated alike is one run."""

    def told(of_shots: int):
        found, test = asked[method, of_shots]
        tested_with = {**run_figures.tested_with(found), "shots": None}
        return found.changing_the_result(), tested_with, test, found.plan.evaluate_every

    is_shared = all(told(k) == told(shots) for k in options.SHOTS)
    return method if is_shared else row_files.run_name(method, shots)


def _write(folder: pathlib.Path) -> str:
    """Writes the table, the plot and results.json of what is there."""
    found = row_files.gather(folder)
    command = f"python -m experiments.fewshot {shlex.join(sys.argv[1:])}"
    text = table8.table(found)
    with files.replacing(folder / "results.json") as partial:
        partial.write_text(standard_json.text(table8.record(found, command)))
    with files.replacing(folder / "table.md") as partial:
        partial.write_text(text, encoding="utf-8")
    plot.plot(found, folder / "table8.png")
    return text


if __name__ == "__main__":
    launch.launch(
        define,
        main,
        kept="the work directory keeps the checkpoints so far, and the same command "
        "goes on from the newest",
    )
