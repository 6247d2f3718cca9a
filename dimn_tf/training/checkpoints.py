"""Checkpoints: atomic, kept N deep, and all that a run needs to go on."""

import pathlib
import re
import shutil

import keras
import tensorflow as tf

from dimn_tf import errors, plain_paths

_INDEX = re.compile(r"ckpt-(\d+)\.index")
_DATA = re.compile(r"ckpt-(\d+)\.data-\d+-of-(\d+)")


class Checkpoints:
    """Saves and restores a method with its optimiser.

    Held: encoder, mapping, classifier, memory bank, the optimiser's state and its
    step count. A batch and its augmentation are functions of the seed and the step,
    so nothing else is needed to go on bit for bit.

    What the folder holds decides, not a file that lists it (TensorFlow's
    `CheckpointManager` keeps one, starts anew where it is lost, and takes brackets in
    a path for a pattern). A checkpoint counts once its index is there, which comes
    last; what a killed save leaves behind is removed by the next run.

    Args:
        directory: Folder of `ckpt-<step>.*`.
        method: A compiled `Method` whose optimiser is built.
        keep: Checkpoints kept, the newest ones.
    """

    def __init__(self, directory: pathlib.Path, method: keras.Model, keep: int = 3):
        self.directory = pathlib.Path(directory)
        self._method = method
        self._keep = keep
        self._checkpoint = tf.train.Checkpoint(
            method=method, optimizer=method.optimizer
        )
        # Asking makes it, so that files of `CheckpointManager`, which hold one, and
        # ours are read alike.
        _ = self._checkpoint.save_counter

    @property
    def latest(self) -> str | None:
        """Path prefix of the newest whole checkpoint, or None."""
        steps = whole_steps(self.directory)
        return self._prefix(steps[-1]) if steps else None

    def save(self) -> str:
        """Writes `ckpt-<step>`, removes the oldest; returns its path prefix."""
        self.directory.mkdir(parents=True, exist_ok=True)
        prefix = self._prefix(self._step())
        self._checkpoint.write(prefix)
        for step in whole_steps(self.directory)[: -self._keep]:
            _remove(files_of(self.directory, step))
        return prefix

    def good_before(self, step: int) -> str | None:
        """The newest checkpoint whose weights gave a finite loss before `step` failed.

        A checkpoint k is known to be good by the loss of step k + 1.
        """
        good = [k for k in whole_steps(self.directory) if k + 1 < step]
        return self._prefix(good[-1]) if good else None

    def _prefix(self, step: int) -> str:
        return str(self.directory / f"ckpt-{step}")

    def _step(self) -> int:
        return int(self._method.step.numpy())

    def restore(self) -> int:
        """Restores the newest whole checkpoint; returns its step, 0 without any.

        Raises:
            errors.UserError: it is damaged, of another model, or the folder holds
                parts of checkpoints and not one that is whole.
        """
        latest = self.latest
        if latest is None:
            self._refuse_parts()
            return 0
        try:
            with plain_paths.plain(self.directory) as folder:
                name = pathlib.Path(latest).name
                status = self._checkpoint.restore(str(folder / name))
                status.assert_existing_objects_matched()
                status.assert_consumed()
        except errors.UserError:
            raise
        # IndexError is how TensorFlow reports a file cut short.
        except (tf.errors.OpError, AssertionError, IndexError, ValueError) as error:
            raise errors.UserError(
                f"{latest}: the checkpoint cannot be restored "
                f"({str(error).splitlines()[0]}). If it is damaged, delete "
                f"{latest}.*: the next older one is then taken; else start in a new "
                "--workdir."
            ) from error
        return self._step()

    def _refuse_parts(self) -> None:
        parts = sorted(p.name for p in _entries(self.directory) if _INDEX.match(p.name))
        if parts:
            raise errors.UserError(
                f"{self.directory}: no whole checkpoint: found {', '.join(parts)} "
                "without all of their data files. Put the missing ckpt-*.data-* files "
                "back, or start in a new --workdir; nothing was overwritten."
            )

    def remove_leftovers(self) -> None:
        """Removes files of saves that were killed half-way (`.index` comes last).

        For the one process that trains: another one's unfinished save looks alike.
        """
        for path in _entries(self.directory):
            prefix = path.name.split(".")[0].removesuffix("_temp")
            is_part = prefix.startswith("ckpt-")
            if is_part and not (self.directory / f"{prefix}.index").exists():
                _remove([path])


def whole_steps(directory: pathlib.Path) -> list[int]:
    """Steps of the checkpoints in a folder whose files are all there, rising."""
    indexed: set[int] = set()
    shards: dict[int, list[int]] = {}
    for path in _entries(directory):
        if match := _INDEX.fullmatch(path.name):
            indexed.add(int(match[1]))
        elif match := _DATA.fullmatch(path.name):
            shards.setdefault(int(match[1]), []).append(int(match[2]))
    return sorted(
        step
        for step in indexed
        if step in shards and len(shards[step]) == shards[step][0]
    )


def files_of(directory: pathlib.Path, step: int) -> list[pathlib.Path]:
    """The files of one checkpoint, sorted by name."""
    return sorted(p for p in _entries(directory) if p.name.startswith(f"ckpt-{step}."))


def _entries(directory: pathlib.Path) -> list[pathlib.Path]:
    return list(directory.iterdir()) if directory.is_dir() else []


def _remove(paths: list[pathlib.Path]) -> None:
    """Removes files and folders, a checkpoint's index first: it then counts no more."""
    for path in sorted(paths, key=lambda path: path.suffix != ".index"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


class SaveCheckpoints(keras.callbacks.Callback):
    """Saves every N steps and at the end of training.

    Keras' own `BackupAndRestore` keeps one backup only; `ModelCheckpoint` writes in
    place, so that a kill leaves a broken file, and never removes old ones.
    """

    def __init__(self, checkpoints: Checkpoints, every: int):
        super().__init__()
        self._checkpoints = checkpoints
        self._every = every
        self._saved = -1

    def on_train_batch_end(self, batch, logs=None):
        """Saves where a multiple of N is reached."""
        step = int(self.model.step.numpy())
        if step % self._every == 0:
            self._save(step)

    def on_train_end(self, logs=None):
        """Saves the last step."""
        self._save(int(self.model.step.numpy()))

    def _save(self, step: int) -> None:
        if step != self._saved:
            self._checkpoints.save()
            self._saved = step
