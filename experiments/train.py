"""Trains a method on the source domains and ranks the targets.

    python -m experiments.train --flagfile=dg.flags

The same command goes on where an interrupted run stopped. On several machines it is
given on each, with TF_CONFIG in the environment (see README.md).
"""

import dataclasses
import pathlib

from dimn_tf.evaluation import report, results_files, seen_in_training
from dimn_tf.training import build, loss_curves, run, strategies, workdir
from experiments import devices, flags, launch, path_flags, prepare

FLAGS = flags.FLAGS


def define() -> None:
    """Defines the command's flags."""
    flags.define_run()


def main(argv):
    del argv
    path_flags.refuse_no_text("workdir")
    recipe, evaluation = flags.run_recipe(), flags.evaluation()
    devices.prepare(recipe.optimiser.deterministic)
    # Before TensorFlow does anything else, which several machines need.
    strategy = strategies.make(recipe.plan.replicas)
    directory = workdir.WorkDir(pathlib.Path(FLAGS.workdir))
    wanted = [*recipe.data.sources, *FLAGS.targets]
    if not strategies.is_chief(strategy):
        prepare.refuse_unbuilt(recipe.data.sources, FLAGS.data_dir)
        run.train(run.prepare(recipe, directory, FLAGS.data_dir, strategy=strategy))
        print("This worker is done; the first one evaluates.")
        return
    # What can be refused is refused before anything is built.
    prepare.refuse_missing(wanted, FLAGS.data_dir, FLAGS.manual_dir)
    workdir.refuse_other(directory, recipe.recorded(directory))
    with workdir.locked(directory):
        prepare.data_sets(wanted, FLAGS.data_dir, FLAGS.manual_dir)
        _train(recipe, evaluation, directory, strategy)


def _train(recipe, evaluation, directory, strategy):
    prepared = run.prepare(recipe, directory, FLAGS.data_dir, strategy=strategy)
    prepare.remember_places(
        directory,
        FLAGS.targets,
        FLAGS.data_dir,
        FLAGS.manual_dir,
        recipe.encoder.encoder_weights,
    )
    # Opened now: a target that cannot be ranked should not end hours of training.
    prepare.refuse_seen_holdout(directory, prepared.space, FLAGS.data_dir)
    targets = prepare.targets(
        FLAGS.targets, FLAGS.data_dir, directory, evaluation, laid=True
    )
    before = prepare.domains_before(directory, targets, FLAGS.data_dir)
    trained_on = [*prepared.space.domains, *before]
    targets = [seen_in_training.with_seen(target, trained_on) for target in targets]
    recorded = {
        **recipe.recorded(directory),
        **dataclasses.asdict(evaluation),
        "targets": FLAGS.targets,
    }

    def evaluate(method, step, usual, settings):
        path = results_files.place(
            usual,
            targets,
            recipe.method,
            step,
            settings.unmatched_probes,
            mirror=recipe.encoder.mirror,
        )
        report.evaluate_and_report(
            # As `evaluate` and an export of it.
            build.for_inference_of(method, recipe),
            recipe.method,
            targets,
            path,
            recipe.data.image_height,
            recipe.data.image_width,
            settings,
            flags=recorded,
            step=step,
            images_seen=recipe.images_seen(step),
        )
        return path

    on_the_way = dataclasses.replace(evaluation, ranked_probes=0)
    method = run.train(
        prepared,
        evaluate=lambda method, step: evaluate(
            method, step, directory.results_at(step), on_the_way
        ),
    )
    loss_curves.plot(directory.training_log, directory.loss_curves)
    path = evaluate(method, recipe.train_steps, directory.results, evaluation)
    print(f"Results: {path}; pictures and curves: {directory.root}")


if __name__ == "__main__":
    launch.launch(
        define,
        main,
        kept="the work directory keeps the checkpoints so far, and the same command "
        "goes on from the newest",
    )
