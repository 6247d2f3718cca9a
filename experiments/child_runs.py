"""One row of a comparison as a run of `experiments.train` in a process of its own."""

import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from dimn_tf import config, errors, files, methods
from dimn_tf.comparison import gathered, rows
from dimn_tf.evaluation import results_files
from dimn_tf.training import options, training_log, workdir

_COST = "cost.json"


@dataclasses.dataclass(frozen=True)
class Run:
    """A row's run.

    Attributes:
        place: Where its results go, with its row and seed.
        given: Options of all rows, as text, by flag name.
        parent: Work directory of the comparison.
        training_images: Images of all sources.
    """

    place: gathered.Place
    given: dict[str, str]
    parent: str
    training_images: int

    @property
    def workdir(self) -> pathlib.Path:
        """Of the run."""
        return pathlib.Path(self.parent) / f"{self.place.name}_seed{self.place.seed}"

    @property
    def flags(self) -> dict[str, str]:
        """All flags of the run: what is given, then the row's own."""
        row = rows.ROWS[self.place.name]
        method = row.flags["method"]
        others = set().union(
            *(_names(kind.Options) for kind in methods.METHODS.values())
        ) - _names(methods.METHODS[method].Options)
        shared = {k: v for k, v in self.given.items() if k not in others}
        found = {**shared, **row.flags, "seed": str(self.place.seed)}
        if images := int(found.pop("train_images", 0)):
            # In steps, since a method may see images between its stages too.
            found["train_steps"] = str(self._steps(int(images), found))
        return found

    def _steps(self, images: int, found: dict[str, str]) -> int:
        kind = methods.METHODS[found["method"]]
        values = {"sources": found["sources"].split(","), **kind.defaults}
        values |= {k: v for k, v in found.items() if k != "sources"}
        for name in ("identities_per_batch", "images_per_identity"):
            if name in values:
                values[name] = int(values[name])
        data = config.read(options.DataOptions, values)
        own = kind.Options()
        if hasattr(own, "ppa_mapping_steps") and "ppa_mapping_steps" in values:
            own = dataclasses.replace(
                own, ppa_mapping_steps=int(values["ppa_mapping_steps"])
            )
        return kind.steps_of_budget(
            images, kind.batch_request(data, own), own, self.training_images
        )

    @property
    def is_done(self) -> bool:
        """Whether its results are there."""
        return self.place.results.is_file()

    def check(self) -> None:
        """Refuses results that another run left under this one's name.

        Raises:
            errors.UserError: they were made with other options.
        """
        if not self.is_done:
            return
        found = results_files.read(self.place.results)["flags"]
        for name, value in self.flags.items():
            if (
                name in found
                and name != "encoder_weights"
                and not _same(found[name], value)
            ):
                raise errors.UserError(
                    f"{self.place.results}: made with --{name}={found[name]}, now "
                    f"{value} is asked for. Move the file away, name another "
                    "--results_dir, or give the flag as it was."
                )

    def train(self) -> None:
        """Trains, or goes on, and keeps the results.

        Raises:
            errors.UserError: the run ended with an error, which it has told.
        """
        started, peak = time.monotonic(), 0
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments.train", f"--workdir={self.workdir}"]
            + [f"--{name}={value}" for name, value in self.flags.items()]
        )
        try:
            _, ended, usage = os.wait4(process.pid, 0)
            peak = usage.ru_maxrss  # KiB; of this process alone.
            process.returncode = os.waitstatus_to_exitcode(ended)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            cost = self._add_cost(time.monotonic() - started, peak / 2**20)
        if status := process.returncode:
            raise errors.UserError(
                f"{self.place.name}: its training ended with exit status {status} (see "
                "above); the same command goes on with it"
            )
        self.place.keep(self.workdir / "results.json", cost)

    def _add_cost(self, seconds: float, peak: float) -> dict[str, float]:
        """What the run cost so far, over all its processes."""
        path = self.workdir / _COST
        before = json.loads(path.read_text()) if path.is_file() else {}
        log = training_log.read(workdir.WorkDir(self.workdir).training_log)
        paces = [row["images_per_second"] for row in log if row["images_per_second"]]
        images = self._images_per_step()
        cost = {
            "minutes": before.get("minutes", 0.0) + seconds / 60,
            "peak_memory_gib": max(before.get("peak_memory_gib", 0.0), peak),
            "seconds_a_step": images / statistics.median(paces) if paces else 0.0,
            "processes": before.get("processes", 0) + 1,
        }
        if self.workdir.is_dir():
            with files.replacing(path) as partial:
                partial.write_text(json.dumps(cost, indent=1) + "\n")
        return cost

    def _images_per_step(self) -> int:
        config = workdir.WorkDir(self.workdir).config
        if not config.is_file():
            return 0
        return json.loads(config.read_text())["images_per_step"]


def _names(group: type) -> set[str]:
    return {field.name for field in dataclasses.fields(group)}


def _same(recorded, text: str) -> bool:
    """Whether a recorded value is what a flag's text says."""
    if isinstance(recorded, bool):
        return text.lower() in (("true", "1") if recorded else ("false", "0"))
    if isinstance(recorded, int | float):
        return float(text) == float(recorded)
    if isinstance(recorded, list | tuple):
        return text == ",".join(map(str, recorded))
    return str(recorded) == text
