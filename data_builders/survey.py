"""A quick look at the archives: names and annotations, no image is decoded."""

import contextlib
import dataclasses
import os
import pathlib

from data_builders import comparison, registry
from data_builders.archives import open_archive
from data_builders.facts import DatasetFacts, TargetRow
from data_builders.manual_dir import candidates, find_archive
from dimn_tf.errors import DataError


@dataclasses.dataclass(frozen=True)
class Survey:
    """What was found of one data set.

    Attributes:
        facts: what is known about it.
        path: the archive; None where there is none, or more than one.
        counts: its counts; None where it could not be looked into.
        row: what one trial of a target ranks, by what was found.
        faults: what is missing or wrong, one line each; empty when all is well.
    """

    facts: DatasetFacts
    path: pathlib.Path | None
    counts: comparison.Counts | None
    row: TargetRow | None
    faults: tuple[str, ...]

    @property
    def state(self) -> str:
        """One word or two for a table."""
        if self.path is None:
            return "not there" if self.facts.required else "not there (optional)"
        if self.counts is None:
            return "unreadable"
        return "incomplete or wrong" if self.faults else "complete"

    @property
    def stops(self) -> bool:
        """Whether the full benchmark cannot be built because of it."""
        if not self.facts.required and self.path is None:
            return False
        return bool(self.faults)


def look(name: str, manual_dir: str | os.PathLike) -> Survey:
    """Looks at the archive of one data set.

    Args:
        name: one of `registry.benchmark()`.
        manual_dir: where archives lie.
    """
    facts = registry.facts(name)
    if not candidates(facts, manual_dir):
        lines = registry.missing_archives([name], os.devnull, manual_dir)
        return Survey(facts, None, None, None, tuple(lines))
    path = None
    try:
        path = find_archive(facts, manual_dir)
        builder = registry.builder_class(name)
        with contextlib.ExitStack() as resources:
            archive = resources.enter_context(open_archive(path))
            reader = builder.open_reader(archive, resources)
            differences = comparison.compare(reader, facts)
            counts = comparison.count(reader.entries, facts)
            row = builder.trial_row(reader)
    except DataError as error:
        return Survey(facts, path, None, None, (str(error),))
    faults = ()
    if differences:
        found = "; ".join(str(difference) for difference in differences)
        faults = (
            f"{name}: {found}; put the complete archive at {os.path.abspath(path)}; "
            f"published at {facts.homepage}"
            + (f". {facts.remark}" if facts.remark else ""),
        )
    return Survey(facts, path, counts, row, faults)
