r"""The difference of two runs in mean mAP, with its 95 % interval.

    python -m experiments.compare_runs \
        --a=runs/dimn/results.json --b=runs/aggregation/results.json \
        --output=comparison.json

Prints A minus B as JSON (and writes it to --output): the difference of the mean
over targets and of each target, with bootstrap intervals over identities.
"""

import os

from absl import flags

from dimn_tf import errors, files, standard_json
from dimn_tf.evaluation import bootstrap, results_files
from experiments import launch, path_flags

FLAGS = flags.FLAGS


def define() -> None:
    """Defines the command's flags."""
    path_flags.define_path("a", None, "Results file of run A.", required=True)
    path_flags.define_path("b", None, "Results file of run B.", required=True)
    path_flags.define_path("output", None, "Where the JSON goes; none: printed only.")
    flags.DEFINE_integer("resamples", bootstrap.RESAMPLES, "Resamples.", 100)
    flags.DEFINE_integer("seed", 0, "Seed of the resamples.", 0)


def main(_):
    _refuse_replacing()
    compared = bootstrap.compare(FLAGS.a, FLAGS.b, FLAGS.resamples, FLAGS.seed)
    text = standard_json.text(compared)
    if FLAGS.output:
        with files.replacing(FLAGS.output) as partial:
            partial.write_text(text)
    print(text, end="")  # Last: a stdout that cannot print loses no result.


def _refuse_replacing():
    """Before any work: the output would take the place of what it is made from."""
    if not FLAGS.output:
        return
    output = os.path.realpath(FLAGS.output)
    for name in ("a", "b"):
        given = FLAGS[name].value
        for read in (given, results_files.probes_path(given)):
            if output == os.path.realpath(read):
                raise errors.UserError(
                    f"--output={FLAGS.output}: it would replace {read}, which --{name} "
                    "is read from. Name another file"
                )


if __name__ == "__main__":
    launch.launch(define, main)
