"""Ranks the targets by a trained run, its untrained start, or colour histograms.

    python -m experiments.evaluate --workdir=W

--targets, --data_dir and --manual_dir are the run's own where they are left out. Of the
options of training, which are the run's too, only --mirror may be given otherwise.
"""

import dataclasses
import pathlib

from absl import flags as absl_flags

from dimn_tf import errors
from dimn_tf.encoders import weight_files
from dimn_tf.evaluation import (
    colour_histogram,
    report,
    results_files,
    untrained_start,
)
from dimn_tf.training import build, workdir
from dimn_tf.training import recipe as recipes
from experiments import devices, flags, launch, path_flags, prepare

FLAGS = flags.FLAGS
# A file's content counts, not its place; --mirror may be other than the run's.
_NOT_COMPARED = ("encoder_weights", "init_from", "mirror")
_FILES = {
    "trained": "results.json",
    "initial": "results_initial.json",
    "histogram": "results_histogram.json",
}


def define() -> None:
    """Defines the command's flags."""
    flags.define_run()
    absl_flags.DEFINE_enum(
        "model",
        "trained",
        list(_FILES),
        "What ranks: the newest checkpoint, the run's untrained start, or colour "
        "histograms.",
    )
    path_flags.define_path(
        "output",
        None,
        "Results file (.json) in the work directory; default by --model, or, where "
        "that would replace a result of other targets, trials or another step, "
        "evaluations/..., named by what it holds.",
    )


def main(argv):
    del argv
    _refuse_other_ending()
    evaluation = flags.evaluation()
    devices.prepare()
    directory = workdir.WorkDir(pathlib.Path(FLAGS.workdir))
    places = prepare.recall_places(directory)
    if FLAGS.model == "trained" or directory.config.exists():
        # The record holds the content of the weights, the places where they lie.
        instead = {k: v for k, v in places.items() if k == "encoder_weights"}
        if not FLAGS["encoder_weights"].using_default_value:
            instead["encoder_weights"] = FLAGS.encoder_weights
        values = workdir.read_values(directory)
        as_made = values.get("mirror", False)
        if not FLAGS["mirror"].using_default_value:
            values["mirror"] = instead["mirror"] = FLAGS.mirror
        recipe = recipes.of_run(directory, **instead)  # Refuses what is no flag here.
        # A flag that is younger than the run had its default.
        _refuse_other_flags({**recipe.changing_the_result(), **values})
        flags.refuse_other_methods_options(recipes.Recipe, recipe.method)
    else:  # Nothing is trained yet.
        recipe = flags.run_recipe()
        values = recipe.recorded()
        as_made = recipe.encoder.mirror
    given = {
        name: places.get(name, FLAGS[name].value)
        if FLAGS[name].using_default_value
        else FLAGS[name].value
        for name in ("targets", "data_dir", "manual_dir")
    }
    prepare.data_sets(given["targets"], given["data_dir"], given["manual_dir"])
    targets = prepare.targets(
        given["targets"], given["data_dir"], directory, evaluation
    )
    step, name = 0, recipe.method
    start = untrained_start.Start(values, _defaults(recipe.method))
    if FLAGS.model == "trained":
        method, step = build.restored(recipe, directory)
        start = None
        targets = prepare.with_seen(
            targets, recipe.data.sources, directory, given["data_dir"]
        )
    elif FLAGS.model == "initial":
        if values.get("init_from"):
            raise errors.UserError(
                f"--model=initial: the run starts from another one's weights "
                f"(--init_from, {values['init_from']}), which are not untrained. "
                "Evaluate that run"
            )
        _refuse_other_weights(recipe, values)
        method = build.for_inference(recipe, restored=False)
        name = f"untrained {name}"
    else:
        method, name = colour_histogram.ColourHistogram(), "colour histogram"
        sizes = {name: start.defaults[name] for name in ("image_height", "image_width")}
        start = untrained_start.Start(values, sizes)
    # Colours alone know no mirror images.
    mirror = recipe.encoder.mirror and FLAGS.model != "histogram"
    usual = directory.root / (FLAGS.output or _FILES[FLAGS.model])
    if not FLAGS.output and FLAGS.model == "trained":
        if step < recipe.train_steps:  # Its end writes the other.
            usual = directory.results_at(step)
    path = results_files.place(
        usual,
        targets,
        name,
        step,
        evaluation.unmatched_probes,
        own=bool(FLAGS.output)
        or (
            given["targets"] == places.get("targets", given["targets"])
            and (recipe.encoder.mirror == as_made or FLAGS.model == "histogram")
        ),
        mirror=mirror,
        start=start,
    )
    if FLAGS.output and path != usual:
        raise errors.UserError(
            f"--output={FLAGS.output}: {usual} holds the result of other targets, "
            "trials or labels, another step, method or untrained start. Name another "
            f"file, or leave the flag out ({path.name} is then written)"
        )
    report.evaluate_and_report(
        method,
        name,
        targets,
        path,
        recipe.data.image_height,
        recipe.data.image_width,
        evaluation,
        flags={
            **values,
            **dataclasses.asdict(evaluation),
            "targets": given["targets"],
            "mirror": mirror,
        },
        step=step,
        images_seen=recipe.images_seen(step),
    )
    print(f"Results: {path}")


def _refuse_other_ending():
    """Before any work: what lies beside the file is named by its stem."""
    if FLAGS.output is None:
        return
    try:
        results_files.refuse_other_ending(FLAGS.output)
    except errors.UserError as error:
        raise errors.UserError(f"--output={error}") from error


def _defaults(method):
    """What a run of a method records where no flag is given."""
    return recipes.from_values({"method": method}).recorded()


def _refuse_other_flags(values):
    """A run is evaluated as it was made; a flag that says otherwise is an error.

    Only --mirror, which is of the test alone, may be given anew.
    """
    for name, value in values.items():
        flag = FLAGS[name]
        if flag.using_default_value or name in _NOT_COMPARED:
            continue
        given, value = (list(x) if _is_many(x) else x for x in (flag.value, value))
        if given != value:
            raise errors.UserError(
                f"--{name}={given}: the run in {FLAGS.workdir} was made with {value}, "
                "and is evaluated so. Leave the flag out."
            )


def _is_many(value) -> bool:
    return isinstance(value, list | tuple)


def _refuse_other_weights(recipe, values):
    """An untrained start is the run's own, by what its weights' file holds."""
    place, recorded = recipe.encoder.encoder_weights, values["encoder_weights"]
    found = place
    if place not in ("none", "imagenet"):
        found = weight_files.fingerprint(place)
    if found != recorded:
        raise errors.UserError(
            f"--encoder_weights={place}: the run in {FLAGS.workdir} started from "
            f"{recorded}, found {found}. Give that file"
        )


if __name__ == "__main__":
    launch.launch(define, main)
