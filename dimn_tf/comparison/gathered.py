"""The rows of a comparison that are done: results, costs, differences to DIMN."""

import dataclasses
import pathlib
from typing import Any

from dimn_tf import errors
from dimn_tf.comparison import place, rows
from dimn_tf.evaluation import bootstrap

_IN_COMMON = ("sources", "holdout_identities")


@dataclasses.dataclass(frozen=True)
class Gathered:
    """What is there of a comparison.

    Attributes:
        figures: Row -> seed -> its results, in the order of `rows.ROWS`.
        differences: Row -> seed -> it minus DIMN of the same seed, as
            `bootstrap.compare` gives it; of the seeds that both have.
    """

    figures: dict[str, dict[int, dict[str, Any]]]
    differences: dict[str, dict[int, dict[str, Any]]]

    def first(self, name: str) -> dict[str, Any]:
        """A row's results at its lowest seed."""
        by_seed = self.figures[name]
        return by_seed[min(by_seed)]

    def difference(self, name: str) -> dict[str, Any] | None:
        """A row's difference to DIMN at its lowest seed; None: there is none."""
        if name not in self.figures:
            return None
        return self.differences.get(name, {}).get(min(self.figures[name]))


def gather(folder: pathlib.Path, resamples: int = bootstrap.RESAMPLES) -> Gathered:
    """Reads what is there.

    Args:
        folder: Of the comparison.
        resamples: Of the intervals.

    Raises:
        errors.UserError: no row is there, or rows that cannot stand in one table:
            other sources, other trials, other weights of one encoder.
    """
    figures: dict[str, dict[int, dict[str, Any]]] = {}
    for name in rows.ROWS:
        if seeds := place.seeds_of(folder, name):
            figures[name] = {
                seed: place.Place(folder, name, seed).read() for seed in seeds
            }
    if not figures:
        raise errors.UserError(f"{folder}: no row of the comparison is there yet")
    _refuse_unlike(folder, figures)
    differences: dict[str, dict[int, dict[str, Any]]] = {}
    for name, by_seed in figures.items():
        if name == rows.REFERENCE:
            continue
        for seed in by_seed:
            if seed in figures.get(rows.REFERENCE, ()):
                differences.setdefault(name, {})[seed] = bootstrap.compare(
                    place.Place(folder, name, seed).results,
                    place.Place(folder, rows.REFERENCE, seed).results,
                    resamples,
                )
    return Gathered(figures, differences)


def _refuse_unlike(folder: pathlib.Path, figures) -> None:
    seen: dict[Any, tuple[Any, pathlib.Path]] = {}
    for name, by_seed in figures.items():
        for seed, row in by_seed.items():
            path, flags = place.Place(folder, name, seed).results, row["flags"]
            held = {f"--{option}": flags.get(option) for option in _IN_COMMON}
            held["the targets' trials"] = {
                target: found.get("trials_sha256")
                for target, found in row["targets"].items()
            }
            held[f"--encoder_weights of {flags.get('encoder')}"] = flags.get(
                "encoder_weights"
            )
            for what, value in held.items():
                first, of = seen.setdefault(what, (value, path))
                if first != value:
                    raise errors.UserError(
                        f"{path}: {what}: {value}, but {first} in {of}. Rows of one "
                        "table are trained and judged alike: move one of them away, "
                        "or name another --results_dir"
                    )


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
