"""Puts the demo's three rankings side by side, and says what to look at.

python -m experiments.demo_summary --workdir=runs/demo
"""

import os
import pathlib
import sys

from absl import flags

from dimn_tf import errors
from dimn_tf.evaluation import results_files, seen_in_training
from experiments import launch, path_flags

FLAGS = flags.FLAGS
_ROWS = (
    ("colour histogram", "results_histogram.json"),
    ("untrained model", "results_initial.json"),
    ("trained model", "results.json"),
)


def define() -> None:
    """Defines the command's flags."""
    path_flags.define_path("workdir", "runs/demo", "Folder of the demo's run.")


def main(argv):
    del argv
    root = pathlib.Path(FLAGS.workdir)
    results = {name: results_files.read(root / file) for name, file in _ROWS}
    _refuse_other_trials(root, {file: results[name] for name, file in _ROWS})
    found = {name: figures["mean"] for name, figures in results.items()}
    targets = results["trained model"]["targets"]
    seen = {
        target: seen_in_training.Seen(**row["seen_in_training"])
        for target, row in targets.items()
        if row.get("seen_in_training")
    }
    told = [f"{name} ({seen[name]})" if name in seen else name for name in targets]
    domain = "Domain" if seen else "Unseen domain"
    print(f"\n{domain} {', '.join(told)}; per cent:")
    print(f"{'':20}{'rank-1':>8}{'mAP':>8}")
    for name, mean in found.items():
        print(f"{name:20}{mean['rank1']:8.1f}{mean['mAP']:8.1f}")
    trained, untrained, histogram = (
        found[name]["mAP"]
        for name in ("trained model", "untrained model", "colour histogram")
    )
    print(
        f"The trained model's mAP is {trained / untrained:.1f} times the untrained "
        f"one's and {trained - histogram:.1f} points above the colour histogram's."
    )
    print("Look at:")
    for path in sorted(root.glob("*.png")) + sorted(root.glob("results_ranked/*.png")):
        if not path.name.startswith("."):  # One that is being written.
            print(f"  {path}")
    export, people = root / "export", root / "people"
    if export.is_dir() and people.is_dir():
        python = os.path.relpath(sys.executable)
        print("Serve it, with a page to search and enrol at http://localhost:8000:")
        print(f"  {python} -m experiments.serve --model={export} --gallery={people}")


def _refuse_other_trials(root, results):
    """Figures of other trials, or of images labelled otherwise, do not compare.

    Args:
        root: Their folder.
        results: File name -> its figures.
    """
    (first, figures), *others = results.items()
    for file, other in others:
        both = figures["targets"], other["targets"]
        names = both[0].keys() | both[1].keys()
        differing = {n for n in names if _trials(both[0], n) != _trials(both[1], n)}
        differing |= set(results_files.labelled_otherwise(*both))
        if differing:
            raise errors.UserError(
                f"{root / file}: not judged on the trials and labels of "
                f"{root / first}: {', '.join(sorted(differing))} differ. Move the "
                "older file away, and rank anew what it was of (python -m "
                "experiments.evaluate)"
            )


def _trials(targets, name):
    return targets.get(name, {}).get("trials_sha256", "none")


if __name__ == "__main__":
    launch.launch(define, main)
