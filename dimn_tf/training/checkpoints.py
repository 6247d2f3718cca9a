"""Checkpoints: atomic, kept N deep, and all that a run needs to go on."""

import pathlib
import shutil

import keras
import tensorflow as tf

from dimn_tf import errors


class Checkpoints:
    """Saves and restores a method with its optimiser.

    Held: encoder, mapping, classifier, memory bank, the optimiser's state and its
    step count. A batch and its augmentation are functions of the seed and the step,
    so nothing else is needed to go on bit for bit.

    A checkpoint counts only once TensorFlow has renamed the file `checkpoint` that
    names it; what a killed save leaves behind is removed by the next run.

    Args:
        directory: Folder of `ckpt-<step>.*`.
        method: A compiled `Method` whose optimiser is built.
        keep: Checkpoints kept, the newest ones.
    """

    def __init__(self, directory: pathlib.Path, method: keras.Model, keep: int = 3):
        self.directory = directory
        self._method = method
        self._checkpoint = tf.train.Checkpoint(
            method=method, optimizer=method.optimizer
        )
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(directory), max_to_keep=keep
        )

    @property
    def latest(self) -> str | None:
        """Path prefix of the newest whole checkpoint, or None."""
        return self._manager.latest_checkpoint

    def save(self) -> str:
        """Writes `ckpt-<step>`; returns its path prefix."""
        return self._manager.save(checkpoint_number=self._step())

    def good_before(self, step: int) -> str | None:
        """The newest checkpoint whose weights gave a finite loss before `step` failed.

        A checkpoint k is known to be good by the loss of step k + 1.
        """
        good = [
            path
            for path in self._manager.checkpoints
            if int(path.rsplit("-", 1)[1]) + 1 < step
        ]
        return good[-1] if good else None

    def _step(self) -> int:
        return int(self._method.step.numpy())

    def restore(self) -> int:
        """Restores the newest checkpoint; returns its step, 0 where there is none.

        Raises:
            errors.UserError: it is damaged, or of another model.
        """
        if self.latest is None:
            return 0
        try:
            status = self._checkpoint.restore(self.latest)
            status.assert_existing_objects_matched()
            status.assert_consumed()
        # IndexError is how TensorFlow reports a file cut short.
        except (tf.errors.OpError, AssertionError, IndexError, ValueError) as error:
            raise errors.UserError(
                f"{self.latest}: the checkpoint cannot be restored "
                f"({str(error).splitlines()[0]}). If it is damaged, delete "
                f"{self.latest}.* and name an older one in "
                f"{self.directory / 'checkpoint'}; else start in a new --workdir."
            ) from error
        return self._step()

    def remove_leftovers(self) -> None:
        """Removes files of saves that were killed half-way (`.index` comes last).

        For the one process that trains: another one's unfinished save looks alike.
        """
        for path in self.directory.glob("ckpt-*"):
            prefix = path.name.split(".")[0].removesuffix("_temp")
            if (self.directory / f"{prefix}.index").exists():
                continue
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
