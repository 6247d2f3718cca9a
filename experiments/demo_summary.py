"""Puts the demo's three rankings side by side, and says what to look at.

python -m experiments.demo_summary --workdir=runs/demo
"""

import os
import pathlib
import sys

from absl import flags

from dimn_tf.evaluation import results_files
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
    found = {name: results_files.read(root / file)["mean"] for name, file in _ROWS}
    target = ", ".join(results_files.read(root / "results.json")["targets"])
    print(f"\nUnseen domain {target}; per cent:")
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


if __name__ == "__main__":
    launch.launch(define, main)
