"""One module's mutants and their results, in cosmic-ray's database, to be resumed."""

import contextlib
import hashlib
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cosmic_ray.commands
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome

from tests.mutation import sampling


@contextlib.contextmanager
def opened(
    place: pathlib.Path, module: str, root: pathlib.Path, drawn: Mapping[str, Any]
) -> Iterator[WorkDB]:
    """The database of one module, made anew where its sample is of other code.

    Args:
        place: Of the database.
        module: Path below `root`, which is the current folder.
        root: A copy of the repository.
        drawn: `mutants` and `seed` of the sample.

    Yields:
        The database; its pending items are still to be run.
    """
    source = (root / module).read_text(encoding="utf-8")
    sha256 = hashlib.sha256(source.encode()).hexdigest()
    key = json.dumps({"module": module, "sha256": sha256, **drawn}, sort_keys=True)
    beside = place.with_suffix(".key")
    if not (beside.exists() and place.exists() and beside.read_text() == key):
        place.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        with use_db(place, WorkDB.Mode.create) as database:
            cosmic_ray.commands.init([pathlib.Path(module)], database, {})
            items = sampling.sample(source, database.work_items, **drawn)
            database.clear()
            database.add_work_items(items)
        beside.write_text(key)
    with use_db(place, WorkDB.Mode.open) as database:
        yield database


def forget(database: WorkDB, only_survivors: bool) -> None:
    """Takes results out, so that their mutants are run again.

    Args:
        database: Of one module.
        only_survivors: Whether what was noticed stays so.
    """
    items, results = database.work_items, dict(database.results)
    database.clear()
    database.add_work_items(items)
    for job, result in results.items():
        if only_survivors and result.test_outcome == TestOutcome.KILLED:
            database.set_result(job, result)


def survivors(database: WorkDB) -> list[dict[str, Any]]:
    """What no test noticed, as `results` keeps it, by line."""
    found = []
    for item, result in database.completed_work_items:
        if result.test_outcome != TestOutcome.KILLED:
            mutation = item.mutations[0]
            found.append(
                {
                    "operator": mutation.operator_name,
                    "line": mutation.start_pos[0],
                    "diff": _changed_lines(result.diff.splitlines()),
                }
            )
    return sorted(found, key=lambda one: (one["line"], one["operator"], one["diff"]))


def _changed_lines(diff: Sequence[str]) -> str:
    header = ("--- ", "+++ ")
    return "\n".join(
        line for line in diff if line[:1] in ("+", "-") and line[:4] not in header
    )
