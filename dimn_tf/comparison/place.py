"""Where a comparison keeps what a row's run leaves: small files, to be committed."""

import dataclasses
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from dimn_tf import errors, files, standard_json
from dimn_tf.comparison import kept_results
from dimn_tf.evaluation import results_files
from dimn_tf.training import workdir

COST = (
    "minutes",
    "processes",
    "processes_untimed",
    "peak_memory_gib",
    "seconds_a_step",
    "images_seen",
    "encoder_passes",
    "training_images",
)
"""What `cost` of a row's results holds: wall time of its training with the evaluation,
over so many processes, but for those untimed, whose parent was killed; memory of the
largest of them (GiB); seconds of a step (median of the log's rows); images seen by all
stages together; passes of the encoder for each; images that there are to train on."""


@dataclasses.dataclass(frozen=True)
class Place:
    """The files of a row's run of one seed.

    Attributes:
        folder: Of the comparison.
        name: A key of `rows.ROWS`.
        seed: Of its training.
    """

    folder: pathlib.Path
    name: str
    seed: int

    @property
    def results(self) -> pathlib.Path:
        """The figures, in the form of a run's results.json, with `cost` and
        `sources_sha256` (see `training.run.sha256_of`)."""
        return self.folder / f"{self.name}_seed{self.seed}.json"

    @property
    def training_log(self) -> pathlib.Path:
        """The run's log, as it is."""
        return self.folder / f"{self.name}_seed{self.seed}_training_log.csv"

    def keep(
        self,
        run: workdir.WorkDir,
        cost: Mapping[str, float],
        results: pathlib.Path | None = None,
    ) -> None:
        """Copies a finished run's results, each probe's AP and log to here.

        The results come last: a row whose results are here is whole.

        Args:
            run: The run's work directory.
            cost: What it cost; see `COST`.
            results: Which of its results; None: `results.json`.
        """
        results = results or run.results
        figures = results_files.read(results)
        beside = results_files.probes_path(self.results)
        for source, copied in (
            (results_files.probes_path(results), beside),
            (run.training_log, self.training_log),
        ):
            with files.replacing(copied) as partial:
                partial.write_bytes(source.read_bytes())
        kept = {
            **figures,
            "probes_file": beside.name,
            # A run does not count what a method encodes between its stages.
            "images_seen": cost["images_seen"],
            "sources_sha256": workdir.read(run).get("sources_sha256"),
            "cost": dict(cost),
        }
        with files.replacing(self.results) as partial:
            partial.write_text(standard_json.text(kept))

    def read(self) -> dict[str, Any]:
        """The figures and costs that were kept.

        Raises:
            errors.UserError: the file is not as `keep` wrote it, or not of this row
                and seed, or the file of its probes is not.
        """
        try:
            figures = results_files.read(self.results)
            kept_results.refuse_incomplete(figures, COST)
            kept_results.refuse_another(figures["flags"], self.name, self.seed)
            results_files.refuse_other_probes(
                figures, results_files.read_probes(self.results)
            )
        except errors.UserError as error:
            raise errors.UserError(
                f"{self.results}: not the results of {self.name}, seed {self.seed}, as "
                f"they were kept: {error}. Restore it, or move it and its probes away: "
                "the same command evaluates the finished run once more, or trains it "
                "where --workdir has none"
            ) from error
        return figures


def seeds_of(folder: pathlib.Path, name: str) -> list[int]:
    """Seeds of which a row's results are there, rising."""
    found = []
    for path in folder.glob(f"{name}_seed*.json"):
        match = re.fullmatch(rf"{re.escape(name)}_seed(0|[1-9][0-9]*)\.json", path.name)
        if match:
            found.append(int(match[1]))
    return sorted(found)
