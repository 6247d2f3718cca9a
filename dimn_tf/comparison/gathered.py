"""The rows of a comparison that are done: results, costs, differences to DIMN."""

import dataclasses
import pathlib
from typing import Any

from dimn_tf import errors
from dimn_tf.comparison import alike, place, rows
from dimn_tf.evaluation import bootstrap


@dataclasses.dataclass(frozen=True)
class Gathered:
    """What is there of a comparison.

    Attributes:
        figures: Row -> seed -> its results, in the order of `rows.ROWS`.
        differences: Row -> seed -> it minus DIMN of the same seed, as
            `bootstrap.compare` gives it; of the seeds that both have.
        notes: Sentences on what could not be told.
    """

    figures: dict[str, dict[int, dict[str, Any]]]
    differences: dict[str, dict[int, dict[str, Any]]]
    notes: tuple[str, ...] = ()

    def first(self, name: str) -> dict[str, Any]:
        """A row's results at its lowest seed."""
        by_seed = self.figures[name]
        return by_seed[min(by_seed)]

    def difference(self, name: str) -> dict[str, Any] | None:
        """A row's difference to DIMN at its lowest seed; None: there is none."""
        if name not in self.figures:
            return None
        return self.differences.get(name, {}).get(min(self.figures[name]))


def figures_there(folder: pathlib.Path) -> dict[place.Place, dict[str, Any]]:
    """Results of every run that is there, in the order of `rows.ROWS`, seeds rising.

    Raises:
        errors.UserError: a file is not as it was kept; see `place.Place.read`.
    """
    there = [
        place.Place(folder, name, seed)
        for name in rows.ROWS
        for seed in place.seeds_of(folder, name)
    ]
    return {where: where.read() for where in there}


def gather(folder: pathlib.Path, resamples: int = bootstrap.RESAMPLES) -> Gathered:
    """Reads what is there.

    Args:
        folder: Of the comparison.
        resamples: Of the intervals.

    Raises:
        errors.UserError: no row is there, a file is not as it was kept, or rows cannot
            stand in one table; see `alike`.
    """
    found = figures_there(folder)
    if not found:
        raise errors.UserError(f"{folder}: no row of the comparison is there yet")
    alike.refuse_unlike({where: row["flags"] for where, row in found.items()})
    alike.refuse_other_sources(found)
    alike.refuse_other_trials(found)
    figures: dict[str, dict[int, dict[str, Any]]] = {}
    differences: dict[str, dict[int, dict[str, Any]]] = {}
    notes: dict[str, None] = {}
    for where, row in found.items():
        figures.setdefault(where.name, {})[where.seed] = row
        reference = place.Place(folder, rows.REFERENCE, where.seed)
        if where.name == rows.REFERENCE or reference not in found:
            continue
        try:
            minus = bootstrap.compare(where.results, reference.results, resamples)
        except bootstrap.TooFewIdentitiesError as error:
            note = f"No difference is told: {error.target} has one identity alone."
            notes[note] = None  # Once, in order.
        else:
            differences.setdefault(where.name, {})[where.seed] = minus
    return Gathered(figures, differences, tuple(notes))


def record(gathered: Gathered, command: str) -> dict[str, Any]:
    """What results.json of a comparison holds.

    Args:
        gathered: What is there.
        command: That made it.

    Returns:
        `command`; `rows`: row -> the results of its lowest seed (`targets`, `mean`,
        `flags`, `cost`, ...) with `seeds`, the means over targets of each seed;
        `minus_dimn`: row -> seed -> `bootstrap.compare`.
    """
    held = {}
    for name, by_seed in gathered.figures.items():
        means = {str(seed): figures["mean"] for seed, figures in by_seed.items()}
        held[name] = {**gathered.first(name), "seeds": means}
    minus = {
        name: {str(seed): found for seed, found in by_seed.items()}
        for name, by_seed in gathered.differences.items()
    }
    return {"command": command, "rows": held, "minus_dimn": minus}
