"""What the runs' folders of few-shot learning tell of the rows' costs."""

import pathlib
from collections.abc import Iterable

from dimn_tf import files, standard_json
from dimn_tf.fewshot import row_files
from dimn_tf.training import workdir
from experiments import row_cost

_COST, _OLDER_COST = "cost_{}shot.json", "cost.json"


def path_of(place: pathlib.Path, shots: int) -> pathlib.Path:
    """JSON of a row's cost so far, in its run's folder."""
    return place / _COST.format(shots)


def count_unseen(place: pathlib.Path, shots: int) -> None:
    """Counts what nobody timed of a run's folder, which goes on, as untimed.

    That is a training by the command of one method, or by an older version, whose one
    file was of all shots: how much of it was this row's is not told. The first row that
    goes on has it.

    Args:
        place: The run's folder, or free.
        shots: K of the row that goes on.
    """
    run = workdir.WorkDir(place)
    made = (place / _OLDER_COST, run.training_log, run.checkpoints)
    is_counted = any(place.glob(_COST.format("*")))
    if not is_counted and any(path.exists() for path in made):
        row_cost.begin(path_of(place, shots))


def put(path: pathlib.Path, method: str, shots: int, cost) -> None:
    """Puts its cost into a row's file."""
    held = row_files.read(path, method, shots)
    with files.replacing(path) as partial:
        partial.write_text(standard_json.text({**held, "cost": cost}))


def make_up(
    rows: Iterable[tuple[str, int, pathlib.Path]], folder: pathlib.Path
) -> None:
    """Gives rows without a cost what their runs' folders have of it.

    A row's own process puts it there, and its parent adds the cost, unless it was
    killed: what is counted then lacks that process' time (`processes_untimed`).

    Args:
        rows: Method, shots and run's folder of each row that is there.
        folder: Of the rows' files.
    """
    for method, shots, place in rows:
        path = row_files.path_of(folder, method, shots)
        cost = row_cost.read(path_of(place, shots))
        if cost and "cost" not in row_files.read(path, method, shots):
            put(path, method, shots, cost)
