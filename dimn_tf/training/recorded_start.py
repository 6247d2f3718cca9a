"""What a run records of its start, for when the start has moved on or is gone.

A run that has a checkpoint of its own needs its start no more: neither the weights'
file nor the run that it began from, which drops older checkpoints where it trains on.
"""

from __future__ import annotations

import os
import pathlib
import re

from dimn_tf import errors
from dimn_tf.encoders import weight_files
from dimn_tf.training import checkpoints, init_from, trained_before, workdir


def weights(path: str, directory: workdir.WorkDir | None = None) -> str:
    """`weight_files.fingerprint`; what is recorded stands for a file that is gone.

    Args:
        path: The file.
        directory: Of the run, new or to go on; None: only the file is looked at.

    Raises:
        errors.UserError: there is no such file, and the run has no checkpoint or began
            from a file of another name.
    """
    recorded, file = _recorded(directory, "encoder_weights"), pathlib.Path(path)
    if recorded.partition(" sha256:")[0] == file.name and not file.exists():
        return recorded
    return weight_files.fingerprint(path)


def run(place: str, directory: workdir.WorkDir | None = None) -> str:
    """`init_from.fingerprint`; of a run that goes on, of the checkpoint it began from.

    What is recorded stands for that checkpoint where the place is the one that the run
    began from and is gone, or where its run has trained on and dropped it.

    Args:
        place: See `init_from.locate`.
        directory: Of the run, new or to go on; None: only the place is looked at.

    Raises:
        errors.UserError: there is no checkpoint, and what is recorded is of another
            place, or the run has no checkpoint of its own.
    """
    recorded = _recorded(directory, "init_from")
    known = re.fullmatch(r"ckpt-(\d+) sha256:[0-9a-f]{64}", recorded)
    if not known:
        return init_from.fingerprint(place)
    path, name = pathlib.Path(place), recorded.split()[0]
    is_named = re.fullmatch(r"ckpt-\d+", path.name)
    folder = path.parent if is_named else workdir.WorkDir(path).checkpoints
    if is_named and path.name != name:
        return init_from.fingerprint(place)
    there = checkpoints.whole_steps(folder)
    if int(known[1]) in there:  # The newest or not.
        return init_from.fingerprint(str(folder / name))
    began = trained_before.start_of(directory.trained_before)
    if not there:
        is_same = began in (None, os.path.abspath(place))  # None: an older version's.
    else:
        is_same = began == os.path.abspath(place) and there[-1] > int(known[1])
        is_same = is_same and _is_the_run(folder, directory)
    return recorded if is_same else init_from.fingerprint(place)


def is_there(place: str, fingerprint: str) -> bool:
    """Whether a place gives the checkpoint of `run` by itself."""
    try:
        return init_from.fingerprint(place) == fingerprint
    except errors.UserError:
        return False


def _recorded(directory: workdir.WorkDir | None, flag: str) -> str:
    """What a run with a checkpoint of its own records; empty for any other."""
    if directory is None or not directory.config.is_file():
        return ""
    if not checkpoints.whole_steps(directory.checkpoints):
        return ""
    return workdir.read_values(directory).get(flag) or ""


def _is_the_run(folder: pathlib.Path, directory: workdir.WorkDir) -> bool:
    """Whether the run of a folder of checkpoints was trained on what the start was."""
    step = checkpoints.whole_steps(folder)[-1]
    found = trained_before.of_start(str(folder / f"ckpt-{step}"))
    return found == trained_before.load(directory.trained_before)
