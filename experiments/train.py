"""Trains a method on the source domains and ranks the targets.

    python -m experiments.train --flagfile=dg.flags

The same command goes on where an interrupted run stopped.
"""

import dataclasses
import pathlib

from dimn_tf.evaluation import report, results_files, seen_in_training
from dimn_tf.training import loss_curves, run, workdir
from experiments import flags, launch, prepare

FLAGS = flags.FLAGS


def define() -> None:
    """Defines the command's flags."""
    flags.define_run()


def main(argv):
    del argv
    options, evaluation = flags.run_options(), flags.evaluation()
    directory = workdir.WorkDir(pathlib.Path(FLAGS.workdir))
    # What can be refused is refused before anything is built.
    prepare.refuse_missing(
        [*options.data.sources, *FLAGS.targets], FLAGS.data_dir, FLAGS.manual_dir
    )
    workdir.refuse_other(directory, options.recorded())
    with workdir.locked(directory):
        prepare.data_sets(
            [*options.data.sources, *FLAGS.targets], FLAGS.data_dir, FLAGS.manual_dir
        )
        _train(options, evaluation, directory)


def _train(options, evaluation, directory):
    prepared = run.prepare(options, directory, FLAGS.data_dir)
    prepare.remember_places(
        directory,
        FLAGS.targets,
        FLAGS.data_dir,
        FLAGS.manual_dir,
        options.encoder.encoder_weights,
    )
    # Opened now: a target that cannot be ranked should not end hours of training.
    targets = [
        seen_in_training.with_seen(target, prepared.space.domains)
        for target in prepare.targets(
            FLAGS.targets, FLAGS.data_dir, directory, evaluation
        )
    ]
    recorded = {
        **options.recorded(),
        **dataclasses.asdict(evaluation),
        "targets": FLAGS.targets,
    }

    def evaluate(method, step, usual, settings):
        path = results_files.place(
            usual, targets, options.method, step, settings.unmatched_probes
        )
        report.evaluate_and_report(
            run.in_float32(method, options),  # As evaluate and an export of it.
            options.method,
            targets,
            path,
            options.data.image_height,
            options.data.image_width,
            settings,
            flags=recorded,
            step=step,
        )
        return path

    on_the_way = dataclasses.replace(evaluation, ranked_probes=0)
    method = run.train(
        prepared,
        evaluate=lambda method, step: evaluate(
            method, step, directory.results_at(step), on_the_way
        ),
    )
    path = evaluate(method, int(method.step.numpy()), directory.results, evaluation)
    loss_curves.draw(directory.training_log, directory.loss_curves)
    print(f"Results: {path}; pictures and curves: {directory.root}")


if __name__ == "__main__":
    launch.launch(
        define,
        main,
        kept="the work directory keeps the checkpoints so far, and the same command "
        "goes on from the newest",
    )
