"""The rows that are done: their results, their costs, their differences to DIMN."""

import dataclasses
import json
import pathlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from dimn_tf import errors, files
from dimn_tf.comparison import rows
from dimn_tf.evaluation import bootstrap, results_files

REFERENCE = "dimn"
"""The row that all others are compared with."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a row's results of one seed lie: small files, to be committed.

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
        """The figures, in the form of a run's results.json, and `cost`."""
        return self.folder / f"{self.name}_seed{self.seed}.json"

    def keep(self, source: pathlib.Path, cost: Mapping[str, Any]) -> None:
        """Copies a run's results here, each probe's AP beside them.

        Args:
            source: The run's results.json.
            cost: What the run cost; goes into the copy.
        """
        figures = results_files.read(source)
        probes = source.with_name(figures["probes_file"])
        copied = self.results.with_name(f"{self.results.stem}_probes.csv")
        with files.replacing(copied) as partial:
            partial.write_bytes(probes.read_bytes())
        kept = {**figures, "probes_file": copied.name, "cost": dict(cost)}
        with files.replacing(self.results) as partial:
            partial.write_text(json.dumps(kept, indent=1) + "\n")


@dataclasses.dataclass(frozen=True)
class Gathered:
    """What is there of a comparison.

    Attributes:
        figures: Row -> seed -> its results.
        differences: Row -> it minus DIMN, at their first common seed, as
            `bootstrap.compare` gives it; DIMN has none.
    """

    figures: dict[str, dict[int, dict[str, Any]]]
    differences: dict[str, dict[str, Any]]

    def first(self, name: str) -> dict[str, Any]:
        """A row's results at its lowest seed."""
        by_seed = self.figures[name]
        return by_seed[min(by_seed)]


def gather(folder: pathlib.Path, resamples: int = bootstrap.RESAMPLES) -> Gathered:
    """Reads what is there.

    Args:
        folder: Of the comparison.
        resamples: Of the intervals.

    Raises:
        errors.UserError: rows that were judged on other trials than DIMN's.
    """
    figures: dict[str, dict[int, dict[str, Any]]] = {}
    for name in rows.ROWS:
        found = sorted(_seeds(folder, name))
        if found:
            figures[name] = {
                seed: results_files.read(Place(folder, name, seed).results)
                for seed in found
            }
    differences = {}
    for name, by_seed in figures.items():
        common = sorted(set(by_seed) & set(figures.get(REFERENCE, ())))
        if name != REFERENCE and common:
            differences[name] = bootstrap.compare(
                Place(folder, name, common[0]).results,
                Place(folder, REFERENCE, common[0]).results,
                resamples,
            )
    return Gathered(figures, differences)


def _seeds(folder: pathlib.Path, name: str) -> Iterable[int]:
    for path in folder.glob(f"{name}_seed*.json"):
        if match := re.fullmatch(rf"{name}_seed(\d+)\.json", path.name):
            yield int(match[1])


def record(gathered: Gathered, command: str) -> dict[str, Any]:
    """What results.json of a comparison holds.

    Args:
        gathered: What is there.
        command: That made it.

    Returns:
        `rows`: row -> the figures of its lowest seed (`targets`, `mean`, ...), `seeds`
        with the mean over targets of each seed, `cost`; `minus_dimn`; `command`.
    """
    if not gathered.figures:
        raise errors.UserError("no row of the comparison is there yet")
    held = {}
    for name, by_seed in gathered.figures.items():
        figures = dict(gathered.first(name))
        figures["seeds"] = {str(s): by_seed[s]["mean"] for s in sorted(by_seed)}
        held[name] = figures
    return {"command": command, "rows": held, "minus_dimn": gathered.differences}
