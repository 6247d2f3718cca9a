"""What training a row costs, over all processes that it takes."""

import contextlib
import math
import pathlib
import statistics
import sys
from typing import Any

from dimn_tf import errors, files, methods, standard_json
from dimn_tf.training import recipe as recipe_lib
from dimn_tf.training import training_log

_PEAK_UNIT = 2**30 if sys.platform == "darwin" else 2**20  # Bytes there, KiB here.


def begin(path: pathlib.Path) -> dict[str, Any]:
    """Counts a process that starts, so that it is counted if nobody sees its end.

    Args:
        path: JSON of the cost so far, or free; its folder is made.

    Returns:
        What it holds now.
    """
    before = read(path)
    cost = {
        **before,
        "minutes": before.get("minutes", 0.0),
        "peak_memory_gib": before.get("peak_memory_gib", 0.0),
        "processes": before.get("processes", 0) + 1,
        "processes_untimed": before.get("processes_untimed", 0) + 1,
    }
    _write(path, cost)
    return cost


def read(path: pathlib.Path) -> dict[str, Any]:
    """The cost so far; empty: none was counted.

    Args:
        path: As `begin` was given.

    Raises:
        errors.UserError: the file is damaged.
    """
    try:
        return standard_json.read_object(path) if path.is_file() else {}
    except ValueError as error:
        raise errors.UserError(
            f"{path}: expected the cost of the training so far, found no JSON "
            f"({error}). Restore it, or remove it: the cost then lacks that time"
        ) from error


def end(
    path: pathlib.Path,
    begun: dict[str, Any],
    seconds: float,
    peak: float,
    of_run: dict[str, Any],
) -> dict[str, Any]:
    """Adds what a process took that has ended.

    Args:
        path: As `begin` was given.
        begun: As it gave.
        seconds: Wall time.
        peak: `ru_maxrss`, in the system's unit; 0: not known.
        of_run: See `of_run`.

    Returns:
        The cost so far, as `place.COST` lists it.
    """
    cost = {
        **begun,
        "minutes": begun["minutes"] + seconds / 60,
        "processes_untimed": begun["processes_untimed"] - 1,
        "peak_memory_gib": max(begun["peak_memory_gib"], peak / _PEAK_UNIT),
        **of_run,
    }
    if set(path.parent.iterdir()) == {path}:  # It got to no run.
        path.unlink()
        for folder in (path.parent, path.parent.parent):
            with contextlib.suppress(OSError):  # Others' runs are there.
                folder.rmdir()
    else:
        _write(path, cost)
    return cost


def of_run(
    recipe: recipe_lib.Recipe, training_images: int | None, log: pathlib.Path
) -> dict[str, Any]:
    """The part of the cost that does not add up over processes.

    Args:
        recipe: Of the run.
        training_images: Of all sources.
        log: Its training log.
    """
    kind, options = methods.METHODS[recipe.method], recipe.method_options
    request = recipe.batch_request
    # No rate: the first steps', which compile, and those of a stage without images.
    paces = [
        pace
        for row in training_log.read(log)
        if math.isfinite(pace := row["images_per_second"]) and pace
    ]
    return {
        "seconds_a_step": request.images / statistics.median(paces) if paces else 0,
        "images_seen": kind.images_seen(
            recipe.train_steps, recipe.train_steps, request, options, training_images
        ),
        "encoder_passes": kind.encoder_passes(options, len(recipe.data.sources)),
        "training_images": training_images,
    }


def _write(path: pathlib.Path, cost: dict[str, Any]) -> None:
    with files.replacing(path) as partial:
        partial.write_text(standard_json.text(cost))
