r"""Rehearses the paper's main job at its full size on made-up archives.

    python -m experiments.benchmarks.rehearsal --folder=/tmp/rehearsal \
        --output=experiments/results/rehearsal.json

18,530 identities and 121,765 tiny images in the nine official layouts. Each stage is a
command of its own, measured in time, memory and disk: the archives are made up,
looked at (`dataset_stats`) and built; a training is killed after a checkpoint, goes on
to its end and is evaluated. Takes about ten minutes on two CPU cores, 4 GB of disk and
7 GB of memory. Ends with 1 where a stage fails or a check does not hold.
"""

import math
import os
import pathlib
import platform
import shutil
import signal
import sys
from importlib import metadata

from absl import flags

from dimn_tf import errors, files, standard_json
from dimn_tf.comparison import rows
from dimn_tf.training import checkpoints, training_log, workdir
from experiments import launch, path_flags
from experiments.benchmarks.rehearsal import checks, stages

FLAGS = flags.FLAGS
_ROOT = pathlib.Path(__file__).resolve().parents[3]
_CHECKPOINT_EVERY = 5
# Lines by which the parts of a training's time are told.
_MARKS = {
    "label space laid": "C = ",
    "going on from the checkpoint": "Going on from",
    "training starts": "Training ",
    "first step done": "first step",
    "targets ranked": "mAP",
    "end": "Results:",
}


def define() -> None:
    path_flags.define_path(
        "folder", None, "New folder for archives, records, run and logs.", required=True
    )
    flags.DEFINE_string("flagfile_of_run", "dg.flags", "Flag file of the training.")
    flags.DEFINE_integer("train_steps", 20, "Of the training.", 10)
    flags.DEFINE_string(
        "encoder_weights",
        None,
        "Takes the flag file's place: a weights file where `imagenet` cannot be "
        "fetched, or `none`.",
    )
    flags.DEFINE_integer("image_height", 12, "Pixels of the made-up images.", 2)
    flags.DEFINE_integer("image_width", 6, "Pixels of the made-up images.", 2)
    flags.DEFINE_string(
        "comparison",
        None,
        "Flag file of `experiments.compare`: each of its rows is started too, and "
        "ended after its first step (a minute or two each on two CPU cores).",
    )
    path_flags.define_path(
        "output", None, "JSON file of the figures; by default in --folder."
    )
    flags.DEFINE_string("note", "", "Recorded, e.g. what else ran on the machine.")
    flags.DEFINE_bool(
        "keep", False, "Whether archives, records and the run are kept at the end."
    )


class Rehearsal:
    """The stages, in their order, and what they found.

    Args:
        folder: where everything goes.
    """

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.archives, self.records = folder / "archives", folder / "tfds"
        self.run, self.scratch = folder / "run", folder / "tmp"
        self.stages: dict[str, dict[str, object]] = {}
        self.checks: dict[str, bool] = {}

    def stage(
        self, name, module, *arguments, kill_when=None, kill_signal=signal.SIGKILL
    ) -> stages.Stage:
        """Runs a module's command; one that fails ends the rehearsal."""
        print(f"{name} ...", flush=True)
        log = self.folder / "logs" / f"{name}.txt"
        done = stages.run(
            name,
            [sys.executable, "-m", module, *arguments],
            _ROOT,
            self.scratch,
            log,
            kill_when,
            kill_signal,
        )
        figures = done.record(_MARKS)
        command = f"python -m {module} {' '.join(arguments)}"
        figures["command"] = command.replace(str(self.folder), "FOLDER")
        figures["disk_mb"] = {
            folder.name: round(stages.megabytes(folder))
            for folder in (self.archives, self.records, self.run)
        }
        self.stages[name] = figures
        print(
            f"{name}: {done.seconds:.1f} s, at most {done.peak_memory_mb:,.0f} MB of "
            f"memory, exit code {done.exit_code}",
            flush=True,
        )
        ended = launch.TERMINATED if kill_signal == signal.SIGTERM else -kill_signal
        if done.exit_code != (0 if kill_when is None else ended):
            raise errors.UserError(
                f"{name}: exit code {done.exit_code}. What it printed last:\n"
                + "\n".join(line for _, line in done.lines[-20:])
                + f"\nAll of it: {log}"
            )
        return done

    def archives_and_records(self, size: tuple[str, str]) -> None:
        """Makes the archives up, compares them with Table 1 and builds them."""
        places = (f"--data_dir={self.records}", f"--manual_dir={self.archives}")
        self.stage(
            "archives",
            f"{__package__}.archives",
            f"--folder={self.archives}",
            *size,
        )
        stats = self.stage("dataset_stats", "experiments.dataset_stats", places[1])
        for title, same in checks.table_1(stats.printed).items():
            self.checks[f"Table 1: {title}"] = same
        self.stage("build_datasets", "experiments.build_datasets", *places)

    def training(self, flagfile: str, steps: int, weights: str | None) -> None:
        """Trains, is killed past a checkpoint, goes on and is evaluated."""
        arguments = [
            f"--flagfile={flagfile}",
            f"--train_steps={steps}",
            f"--checkpoint_every={_CHECKPOINT_EVERY}",
            f"--log_every={_CHECKPOINT_EVERY}",
            f"--data_dir={self.records}",
            f"--manual_dir={self.archives}",
            f"--workdir={self.run}",
        ]
        if weights is not None:
            arguments.append(f"--encoder_weights={weights}")
        kept = self.run / "checkpoints"
        first = self.stage(
            "train_until_killed",
            "experiments.train",
            *arguments,
            kill_when=lambda: bool(checkpoints.whole_steps(kept)),
        )
        self.checks["C = 18,530 printed"] = checks.prints_identities(first.printed)
        killed_at = checkpoints.whole_steps(kept)[-1:]
        second = self.stage("train_resumed", "experiments.train", *arguments)
        self.checks["resumed at the checkpoint of the killed run"] = [
            checks.resumed_from(second.printed)
        ] == killed_at
        self.checks["last checkpoint is of the last step"] = checkpoints.whole_steps(
            kept
        )[-1:] == [steps]
        rows = list(range(_CHECKPOINT_EVERY, steps + 1, _CHECKPOINT_EVERY))
        self.checks["the training log has each step once"] = (
            checks.logged_steps(self.run / "training_log.csv") == rows
        )
        self.stage(
            "evaluate",
            "experiments.evaluate",
            f"--workdir={self.run}",
            "--output=results_of_evaluate.json",
        )
        self.checks["evaluate gives the training's figures of four targets"] = (
            checks.same_figures(
                self.run / "results.json", self.run / "results_of_evaluate.json"
            )
        )

    def comparison(self, flagfile: str, weights: str | None) -> None:
        """Starts each row of the comparison, and ends it after its first step."""
        for name in rows.ROWS:
            work = workdir.WorkDir(self.run / f"{name}_seed0")
            arguments = [
                f"--flagfile={flagfile}",
                f"--rows={name}",
                "--log_every=1",
                f"--data_dir={self.records}",
                f"--manual_dir={self.archives}",
                f"--workdir={self.run}",
                f"--results_dir={self.folder / 'results'}",
            ]
            if weights is not None:
                arguments.append(f"--encoder_weights={weights}")
            self.stage(
                f"compare_{name}",
                "experiments.compare",
                *arguments,
                kill_when=lambda log=work.training_log: bool(training_log.read(log)),
                kill_signal=signal.SIGTERM,
            )
            first = training_log.read(work.training_log)[0]
            self.checks[f"{name} starts"] = (
                first["step"] == 1
                and math.isfinite(first["loss"])
                and first["loss"] > 0
            )
            shutil.rmtree(work.root)

    def remove(self) -> None:
        """Removes all but logs and figures."""
        for place in (self.archives, self.records, self.run, self.scratch):
            shutil.rmtree(place, ignore_errors=True)


def machine() -> dict[str, object]:
    """Processor, memory and versions."""
    names = [
        line.partition(":")[2].strip()
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    packages = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "scipy", "h5py")
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 1e9, 1),
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in packages},
        },
    }


def main(_):
    folder = pathlib.Path(FLAGS.folder).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise errors.UserError(
            f"--folder={folder}: there already. Name a new folder, or remove this one."
        )
    rehearsal = Rehearsal(folder)
    rehearsal.archives_and_records(
        (f"--image_height={FLAGS.image_height}", f"--image_width={FLAGS.image_width}")
    )
    rehearsal.training(FLAGS.flagfile_of_run, FLAGS.train_steps, FLAGS.encoder_weights)
    if FLAGS.comparison:
        rehearsal.comparison(FLAGS.comparison, FLAGS.encoder_weights)
    broken = [name for name, held in rehearsal.checks.items() if not held]
    if broken:
        raise errors.UserError(
            f"{len(broken)} of {len(rehearsal.checks)} checks do not hold: "
            f"{'; '.join(broken)}. What the stages printed: {folder / 'logs'}"
        )
    found = {
        "benchmark": "rehearsal",
        "note": FLAGS.note,
        "image_pixels": [FLAGS.image_height, FLAGS.image_width],
        **machine(),
        "checks": rehearsal.checks,
        "stages": rehearsal.stages,
    }
    output = pathlib.Path(FLAGS.output or folder / "rehearsal.json")
    with files.replacing(output) as partial:
        partial.write_text(standard_json.text(found))
    if not FLAGS.keep:
        rehearsal.remove()
    print(f"{len(rehearsal.checks)} checks hold. Figures: {output}")


if __name__ == "__main__":
    launch.launch(define, main)
