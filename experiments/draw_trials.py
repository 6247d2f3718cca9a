"""Draws the trial lists that ship with the package.

    python -m experiments.draw_trials --targets=viper,prid,ilids --seed=0 \
        --data_dir=DATA --output_dir=dimn_tf/evaluation/trial_lists

The draw depends on the seed and on the images' names without extension, on nothing
else; the shipped lists were made by this command. GRID's trials are the folds of
its archive and are not drawn.
"""

import pathlib

from absl import flags

from dimn_tf import errors, files
from dimn_tf.data import records as records_lib
from dimn_tf.evaluation import drawing
from dimn_tf.evaluation import trials as trials_lib
from experiments import launch, path_flags

FLAGS = flags.FLAGS

ILIDS_IDENTITIES = 60  # half of the 119 persons

_DRAWERS = {
    "viper": drawing.viper,
    "prid": drawing.prid,
    "ilids": lambda records, seed: drawing.one_pair_per_identity(
        records, seed, identities_per_trial=ILIDS_IDENTITIES
    ),
}


def define() -> None:
    """Defines the command's flags."""
    flags.DEFINE_list("targets", list(_DRAWERS), "Targets to draw trials of.")
    flags.DEFINE_integer("seed", 0, "Seed of the draw.", 0)
    path_flags.define_path("data_dir", None, "TFDS output folder.", required=True)
    path_flags.define_path(
        "output_dir", None, "Folder that TARGET.txt goes to.", required=True
    )


def main(_):
    for target in FLAGS.targets:
        if target not in _DRAWERS:
            raise errors.UserError(
                f"--targets: {target!r} has no drawn list; {', '.join(_DRAWERS)} have"
            )
        records = records_lib.load_records(target, FLAGS.data_dir)
        drawn = _DRAWERS[target](records, FLAGS.seed)
        command = (
            f"python -m experiments.draw_trials --targets={target} "
            f"--seed={FLAGS.seed} --data_dir=DATA --output_dir=FOLDER"
        )
        path = pathlib.Path(FLAGS.output_dir) / f"{target}.txt"
        with files.replacing(path) as partial:
            text = trials_lib.to_text(drawn, target, command)
            partial.write_text(text, encoding="ascii")
        print(f"{path}: {len(drawn)} trials, sha256 {trials_lib.sha256(drawn)}")


if __name__ == "__main__":
    launch.launch(define, main)
