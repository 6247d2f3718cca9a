"""What a gallery knows a model by: the hash of the checkpoint that was restored."""

from __future__ import annotations

import hashlib
import os
import pathlib

from dimn_tf import errors
from dimn_tf.training import checkpoints

_CHUNK = 1 << 20

Seen = dict[str, tuple[int, ...]]


def seen(directory: pathlib.Path) -> Seen:
    """The files of a checkpoint folder as they are, to be asked for before restoring.

    Args:
        directory: Of `ckpt-<step>.*`.

    Returns:
        For each file what changes when another takes its name: its number in the file
        system, its size, when it was written.
    """
    found = {}
    for step in checkpoints.whole_steps(directory):
        for path in checkpoints.files_of(directory, step):
            try:
                found[path.name] = _stamp(os.stat(path))
            except FileNotFoundError:  # The trainer removed it; it was not restored.
                continue
    return found


def checkpoint_sha256(directory: pathlib.Path, step: int, before: Seen) -> str:
    """Hash of a checkpoint's files, which are the ones that were restored.

    Args:
        directory: Of `ckpt-<step>.*`.
        step: Of the checkpoint that was restored.
        before: Of `seen`, before it was restored.

    Returns:
        SHA-256 over the files' bytes in the order of their names, hexadecimal.

    Raises:
        errors.UserError: a file of it is gone, new or another since: a trainer is at
            work in the folder. The hash of no file at all cannot come about.
    """
    names = [path.name for path in checkpoints.files_of(directory, step)]
    expected = sorted(name for name in before if name.startswith(f"ckpt-{step}."))
    if not names or names != expected:
        raise _changed(directory, step)
    digest = hashlib.sha256()
    for name in names:
        try:
            with open(directory / name, "rb") as file:
                # What is open stays whole, though another takes its name meanwhile.
                if _stamp(os.fstat(file.fileno())) != before[name]:
                    raise _changed(directory, step)
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        except FileNotFoundError as error:
            raise _changed(directory, step) from error
    return digest.hexdigest()


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _changed(directory: pathlib.Path, step: int) -> errors.UserError:
    return errors.UserError(
        f"{directory}: ckpt-{step} was restored, and its files are gone or others "
        "since: the run is still training and keeps only its newest checkpoints. "
        "Nothing was written. Give the command again, after the training or with a "
        "larger --keep_checkpoints"
    )
