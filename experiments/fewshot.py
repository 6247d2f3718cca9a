"""Few-shot learning on miniImageNet: the rows of the paper's Table 8.

    python -m experiments.fewshot --flagfile=fewshot.flags --method=dimn --shots=1
    python -m experiments.fewshot --flagfile=fewshot.flags --method=all

Trains on the training classes, chooses a step by the validation classes, and tests on
episodes of the test classes. `--method=all` makes each row that --results_dir lacks, at
1 and at 5 shots, in a process of its own in --workdir/METHOD_Kshot, and prints the
table of what is there. The same command goes on after an interruption.
"""

import dataclasses
import hashlib
import json
import pathlib
import shlex
import subprocess
import sys

from absl import flags as absl_flags

from data_builders import registry
from dimn_tf import config, errors, fewshot, files, standard_json
from dimn_tf.data import augmentation
from dimn_tf.fewshot import options, plot, recipe, run, table8
from dimn_tf.training import workdir
from dimn_tf.training.recipe import AUGMENTATION_PREFIX
from experiments import devices, flags, launch, path_flags

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
    absl_flags.DEFINE_multi_string(
        "own",
        [],
        "METHOD:FLAG=VALUE or METHOD_Kshot:FLAG=VALUE, a flag of one method's runs, or "
        "one run's, alone, in place of what all have.",
    )
    flags.define_recipe(recipe.FewShotRecipe)
    flags.define_group(options.TestOptions)


def main(argv):
    del argv
    of_methods = _own()
    if FLAGS.method == ALL:
        _all(of_methods)
        return
    found, test = _options(FLAGS.method, FLAGS.shots, of_methods)
    if FLAGS.results_dir:
        _refuse_other(found, test)
    devices.prepare(found.optimiser.deterministic)
    directory = workdir.WorkDir(pathlib.Path(FLAGS.workdir))
    registry.refuse_persons(found.data.dataset)
    registry.build(found.data.dataset, FLAGS.data_dir, FLAGS.manual_dir)
    with workdir.locked(directory):
        figures = run.train_and_test(found, test, directory, FLAGS.data_dir)
        text = standard_json.text(figures)
        places = _places(directory, figures)
        for path in places:
            with files.replacing(path) as partial:
                partial.write_text(text)
    print(
        f"{found.method}, {figures['ways']}-way {figures['shots']}-shot: "
        f"{figures['accuracy']:.2f} ± {figures['interval']:.2f} % on test classes "
        f"({figures['episodes']:,} episodes, {figures['test_seconds']:.0f} s)."
    )
    print(table8.beside(found.method, figures["shots"]))
    print(f"Results: {places[0]}; curves: {directory.loss_curves}")


def _options(method, shots, of_methods):
    """A run's recipe and how it is tested, from the flags."""
    own = {
        "shots": shots,
        **of_methods.get(method, {}),
        **of_methods.get(table8.run_name(method, shots), {}),
    }
    found = flags.recipe_of(recipe.FewShotRecipe, method, own)
    given = {name: FLAGS[name].value for name in FLAGS}
    test = config.read(options.TestOptions, {**given, **own})
    config.check(test)
    return found, test


def _places(directory, figures) -> list[pathlib.Path]:
    """Where the figures go; none replaces those of another test."""
    found = [directory.results]
    if directory.results.is_file():
        held = standard_json.read_object(directory.results).get("flags")
        if held != json.loads(standard_json.text(figures["flags"])):
            name = f"results_{figures['statistics']}_{figures['episodes']}_"
            digest = hashlib.sha256(standard_json.text(figures["flags"]).encode())
            found = [directory.root / f"{name}{digest.hexdigest()[:8]}.json"]
    if FLAGS.results_dir:
        folder = pathlib.Path(FLAGS.results_dir)
        found.append(table8.path_of(folder, figures["method"], figures["shots"]))
    return found


def _refuse_other(found, test) -> bool:
    """Whether a row is there; refuses one that was made with other flags."""
    shots = found.method_options.shots
    path = table8.path_of(pathlib.Path(FLAGS.results_dir), found.method, shots)
    if not path.is_file():
        return False
    table8.refuse_other(
        table8.read(path, found.method, shots),
        path,
        {**found.recorded(), **dataclasses.asdict(test)},
    )
    return True


def _own() -> dict[str, dict[str, object]]:
    """Method or run -> flag -> value, of --own.

    Raises:
        errors.UserError: one that is not of that form, or names nothing that there is.
    """
    owners = {method: method for method in fewshot.METHODS}
    for method in fewshot.METHODS:
        owners |= {table8.run_name(method, shots): method for shots in table8.SHOTS}
    found: dict[str, dict[str, object]] = {}
    for text in FLAGS.own:
        method, _, rest = text.partition(":")
        name, given, value = rest.partition("=")
        known = _options_of(owners[method]) if method in owners else ()
        if not given or name not in known:
            raise errors.UserError(
                f"--own={text}: expected METHOD:FLAG=VALUE or METHOD_Kshot:FLAG=VALUE, "
                f"with a method of {', '.join(fewshot.METHODS)} and an option that it "
                "has, such as maml:tasks=2"
            )
        try:
            parsed = FLAGS[name].parser.parse(value)
        except (TypeError, ValueError) as error:
            raise errors.UserError(f"--own={text}: {error}") from error
        found.setdefault(method, {})[name] = parsed
    return found


def _options_of(method: str) -> set[str]:
    """The names of a method's options."""
    of = recipe.FewShotRecipe
    groups = (*of.groups.values(), options.TestOptions, of.registry[method].Options)
    names = {field.name for group in groups for field in dataclasses.fields(group)}
    augmented = dataclasses.fields(augmentation.Augmentation)
    return names | {AUGMENTATION_PREFIX + field.name for field in augmented}


def _all(of_methods) -> None:
    if not FLAGS.results_dir:
        raise errors.UserError(
            f"--method={ALL}: give --results_dir, the folder of the table's files"
        )
    folder, failed = pathlib.Path(FLAGS.results_dir), []
    rows = [(method, shots) for method in fewshot.METHODS for shots in table8.SHOTS]
    # What can be refused is refused before hours.
    there = [_refuse_other(*_options(*row, of_methods)) for row in rows]
    registry.refuse_persons(FLAGS.dataset)
    registry.build(FLAGS.dataset, FLAGS.data_dir, FLAGS.manual_dir)
    for number, ((method, shots), is_there) in enumerate(
        zip(rows, there, strict=True), start=1
    ):
        title = f"[{number}/{len(rows)}] {method}, {shots}-shot"
        path = table8.path_of(folder, method, shots)
        if is_there:
            print(f"{title}: there already, {path}", flush=True)
            continue
        place = pathlib.Path(FLAGS.workdir) / table8.run_name(method, shots)
        print(f"{title}: {place}", flush=True)
        status = subprocess.run(
            [
                *(sys.executable, "-m", "experiments.fewshot", *sys.argv[1:]),
                *(f"--method={method}", f"--shots={shots}", f"--workdir={place}"),
            ],
            check=False,
        ).returncode
        if status:
            failed.append(f"  {method}, {shots}-shot: exit status {status} ({place})")
            print(failed[-1], flush=True)
        else:
            _write(folder)
    if table8.gather(folder):
        print(_write(folder))
        print(f"Table, plot and results: {folder}")
    if failed:
        raise errors.UserError(
            f"{len(failed)} of {len(rows)} rows are missing, their errors are above; "
            "the same command trains them again:\n" + "\n".join(failed)
        )


def _write(folder: pathlib.Path) -> str:
    """Writes the table, the plot and results.json of what is there."""
    found = table8.gather(folder)
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
