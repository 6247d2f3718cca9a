r"""Draws the trial lists that ship with the package.

    python -m experiments.draw_trials --targets=viper,prid,ilids --seed=0 \
        --data_dir=DATA --output_dir=dimn_tf/evaluation/protocols/trial_lists

The draw depends on the seed and on the images' names without extension, on nothing
else; the shipped lists were made by this command. GRID's trials are the folds of
its archive and are not drawn.
"""

import pathlib

from absl import flags

from dimn_tf import errors, files
from dimn_tf.data import records as records_lib
from dimn_tf.evaluation import options
from dimn_tf.evaluation.protocols import protocol, registry, trial_text
from experiments import launch, path_flags

FLAGS = flags.FLAGS


def _drawn() -> list[str]:
    """Targets whose lists are drawn."""
    return [name for name, known in registry.PUBLISHED.items() if known.draw]


def define() -> None:
    """Defines the command's flags."""
    flags.DEFINE_list("targets", _drawn(), "Targets to draw trials of.")
    flags.DEFINE_integer("seed", 0, "Seed of the draw.", 0)
    path_flags.define_path("data_dir", None, "TFDS output folder.", required=True)
    path_flags.define_path(
        "output_dir", None, "Folder that TARGET.txt goes to.", required=True
    )


def main(_):
    unknown = [target for target in FLAGS.targets if target not in _drawn()]
    if unknown:
        raise errors.UserError(
            f"--targets: {unknown[0]!r} has no drawn list; {', '.join(_drawn())} have"
        )
    settings = options.EvaluationOptions(trial_seed=FLAGS.seed)
    lists = {}
    for target in FLAGS.targets:
        records = records_lib.load_records(target, FLAGS.data_dir)
        asked = protocol.Asked.of(records, settings)
        lists[target] = registry.PUBLISHED[target].draw(asked)
    written = []
    for target, trials in lists.items():
        command = (
            f"python -m experiments.draw_trials --targets={target} "
            f"--seed={FLAGS.seed} --data_dir=DATA --output_dir=FOLDER"
        )
        path = pathlib.Path(FLAGS.output_dir) / f"{target}.txt"
        text = trial_text.to_text(trials, target, command)
        with files.replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")
        digest = trial_text.sha256(trials)
        written.append(f"{path}: {len(trials)} trials, sha256 {digest}")
    print("\n".join(written))  # Last: a stdout that cannot print loses no list.


if __name__ == "__main__":
    launch.launch(define, main)
