"""Checkpoints: atomic, kept N deep, and all that a run needs to go on."""

import contextlib
import pathlib
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from dimn_tf import errors, plain_paths, tensorflow_errors
from dimn_tf.training import loop

_INDEX = re.compile(r"ckpt-(\d+)\.index")
_DATA = re.compile(r"ckpt-(\d+)\.data-\d+-of-(\d+)")


class Checkpoints:
    """Saves and restores a method with its optimiser.

    A checkpoint holds named variables in three parts: `inference` (what evaluation and
    export need), `training` (f_theta, W and their kind) and `optimizer`, its step, and
    what the run keeps beside them: `average` where it takes a mean of its weights,
    `hard_groups` where batches hold such.
    Else a batch and its augmentation are functions of the seed and the step, so nothing
    more is needed to go on bit for bit. Names are the variables' paths, not an object
    graph, so that a method for inference restores its part alone.

    What the folder holds decides, not a file that lists it (TensorFlow's
    `CheckpointManager` keeps one, starts anew where it is lost, and takes brackets in
    a path for a pattern). TensorFlow writes in place, so a checkpoint is written into a
    folder of its own beside the others, and its files take their names once they are
    whole. It counts once its index is there, which comes last; what a killed save
    leaves behind is removed by the next run.

    Args:
        directory: Folder of `ckpt-<step>.*`.
        method: A compiled `Method`, built for training, whose optimiser is built.
        keep: Checkpoints kept, the newest ones.
        further: The run's other variables by the name of their part, the method's
            left out; see `weight_average.WeightAverage` and `hard_search.HardSearch`.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        method: keras.Model,
        keep: int = 3,
        further: Mapping[str, Sequence[keras.Variable]] | None = None,
    ):
        self.directory = pathlib.Path(directory)
        self._keep = keep
        inference = by_name(method.inference_variables)
        training = by_name(method.variables)
        training = {k: v for k, v in training.items() if k not in inference}
        self._variables = {
            "inference": inference,
            "training": training,
            "optimizer": by_name(method.optimizer.variables),
        }
        for part, variables in (further or {}).items():
            # One in two parts would have the name of the first by the alphabet alone.
            held = {id(v) for named in self._variables.values() for v in named.values()}
            self._variables[part] = by_name([v for v in variables if id(v) not in held])
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._checkpoint = _checkpoint(self._variables, self._step)

    @property
    def variables(self) -> list[keras.Variable]:
        """All that is saved but the step, in one fixed order."""
        return [v for part in self._variables.values() for v in part.values()]

    @property
    def latest(self) -> str | None:
        """Path prefix of the newest whole checkpoint, or None."""
        steps = whole_steps(self.directory)
        return self._prefix(steps[-1]) if steps else None

    def save(self, step: int) -> str:
        """Writes `ckpt-<step>`, removes the oldest; returns its path prefix.

        Raises:
            errors.UserError: it cannot be written; older ones stay as they are.
        """
        prefix = self._prefix(step)
        unfinished = pathlib.Path(f"{prefix}_unfinished")
        self._step.assign(step)
        try:
            if unfinished.exists():
                _remove([unfinished])
            unfinished.mkdir(parents=True)
            self._checkpoint.write(str(unfinished / f"ckpt-{step}"))
            _publish(unfinished, step)
        except (tf.errors.OpError, OSError) as error:  # The disk is full, say.
            self.remove_leftovers()
            raise errors.UserError(
                f"{prefix}: the checkpoint cannot be written "
                f"({tensorflow_errors.reason(error)}). Make room, or mend the folder, "
                "and give the same command again: it goes on from the newest whole "
                "checkpoint."
            ) from error
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

    def restore(self) -> int:
        """Restores the newest whole checkpoint; returns its step, 0 without any.

        Raises:
            errors.UserError: it is damaged, of another model, or the folder holds
                parts of checkpoints and not one that is whole.
        """
        step = _newest(self.directory)
        if step:
            _restore(self._checkpoint, self.directory, step, self._step)
        return step

    def remove_leftovers(self) -> None:
        """Removes files and folders of saves that were killed half-way.

        For the one process that trains: another one's unfinished save looks alike.
        """
        for path in _entries(self.directory):
            prefix = path.name.split(".")[0].removesuffix("_temp")
            is_part = prefix.startswith("ckpt-")
            if is_part and not (self.directory / f"{prefix}.index").exists():
                _remove([path])


def restore_inference(directory: pathlib.Path, method: keras.Model) -> int:
    """Restores what inference needs of the newest whole checkpoint; see `restore`.

    Args:
        directory: Folder of `ckpt-<step>.*`.
        method: A `Method`; its training parts, if it has any, stay as they are.

    Returns:
        The checkpoint's step, 0 without any.

    Raises:
        errors.UserError: see `Checkpoints.restore`.
    """
    latest = _newest(directory)
    if not latest:
        return 0
    step = tf.Variable(0, dtype=tf.int64, trainable=False)
    held = {"inference": by_name(method.inference_variables)}
    try:
        _restore(_checkpoint(held, step), directory, latest, step, partly=True)
    except errors.UserError:
        if latest in whole_steps(directory):
            raise
        # A training that goes on has removed it meanwhile: there is a newer one.
        return restore_inference(directory, method)
    return latest


def values(directory: pathlib.Path, step: int, part: str) -> dict[str, np.ndarray]:
    """The arrays of a part of a checkpoint by name.

    Args:
        directory: Folder of `ckpt-<step>.*`.
        step: Which.
        part: `inference` or `training`.

    Raises:
        errors.UserError: it is damaged, or of another form.
    """
    with _readable(directory, step) as prefix:
        reader = tf.train.load_checkpoint(prefix)
        names = reader.get_variable_to_shape_map()
        start, end = f"{part}/", "/.ATTRIBUTES/VARIABLE_VALUE"
        return {
            name.removeprefix(start).removesuffix(end).replace(".S", "/"): (
                reader.get_tensor(name)
            )
            for name in names
            if name.startswith(start)
        }


def by_name(variables: Sequence[keras.Variable]) -> dict[str, keras.Variable]:
    """Variables by their paths, which is what a checkpoint knows them by.

    Raises:
        ValueError: two have one path: a layer lacks a name of its own.
    """
    named: dict[str, keras.Variable] = {}
    for variable in variables:
        if named.setdefault(variable.path, variable) is not variable:
            raise ValueError(
                f"two variables have the path {variable.path}: give their layers names"
            )
    return named


def _checkpoint(parts: dict[str, dict[str, keras.Variable]], step: tf.Variable):
    values = {
        part: {name: variable.value for name, variable in named.items()}
        for part, named in parts.items()
    }
    return tf.train.Checkpoint(step=step, **values)


def _newest(directory: pathlib.Path) -> int:
    """Step of the newest whole checkpoint, 0 without any.

    Raises:
        errors.UserError: there are parts of checkpoints and not one that is whole.
    """
    steps = whole_steps(directory)
    if steps:
        return steps[-1]
    parts = sorted(p.name for p in _entries(directory) if _INDEX.match(p.name))
    if parts:
        raise errors.UserError(
            f"{directory}: no whole checkpoint: found {', '.join(parts)} "
            "without all of their data files. Put the missing ckpt-*.data-* files "
            "back, or start in a new --workdir; nothing was overwritten."
        )
    return 0


def _restore(checkpoint, directory, step, held_step, partly: bool = False) -> None:
    with _readable(directory, step) as prefix:
        # Past `restore`, which adds a counter of its own to what it looks for.
        status = checkpoint.read(prefix)
        status.assert_existing_objects_matched()
        if partly:
            status.expect_partial()  # Else each variable that is left is warned of.
        else:
            status.assert_consumed()
    if int(held_step) != step:
        raise errors.UserError(
            f"{directory}/ckpt-{step}: holds step {int(held_step)}: the files were "
            "renamed. Give them their old names, or start in a new --workdir."
        )


@contextlib.contextmanager
def _readable(directory: pathlib.Path, step: int) -> Iterator[str]:
    """The prefix that TensorFlow reads a checkpoint by; its errors in our words."""
    latest = directory / f"ckpt-{step}"
    try:
        with plain_paths.plain(directory) as folder:
            prefix = str(folder / latest.name)
            _refuse_old_form(prefix, latest)
            yield prefix
    except errors.UserError:
        raise
    # IndexError is how TensorFlow reports a file cut short.
    except (tf.errors.OpError, AssertionError, IndexError, ValueError) as error:
        raise errors.UserError(
            f"{latest}: the checkpoint cannot be restored "
            f"({tensorflow_errors.reason(error)}). If it is damaged, delete "
            f"{latest}.*: the next older one is then taken; else start in a new "
            "--workdir."
        ) from error


def _refuse_old_form(prefix: str, place: pathlib.Path) -> None:
    names = tf.train.load_checkpoint(prefix).get_variable_to_shape_map()
    if any(name.startswith("method/") for name in names):
        raise errors.UserError(
            f"{place}: written by dimn_tf before its checkpoints held named variables. "
            "Evaluate and export it with that version (git checkout a35c2a1), or train "
            "in a new --workdir."
        )


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


def _publish(unfinished: pathlib.Path, step: int) -> None:
    """Moves a whole checkpoint to its place, one folder up, its index last.

    What an earlier save of this step left there goes first: its index would make new
    data count before their own index is there.
    """
    directory = unfinished.parent
    _remove(files_of(directory, step))
    for path in sorted(files_of(unfinished, step), key=_is_index):
        path.replace(directory / path.name)
    shutil.rmtree(unfinished, ignore_errors=True)  # Else the next run does it.


def _is_index(path: pathlib.Path) -> bool:
    return path.suffix == ".index"


def _remove(paths: list[pathlib.Path]) -> None:
    """Removes files and folders, a checkpoint's index first: it then counts no more."""
    for path in sorted(paths, key=_is_index, reverse=True):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


class SaveCheckpoints(loop.Hook):
    """Saves every N steps and at the end of training.

    Args:
        checkpoints: Where to.
        every: N.
    """

    def __init__(self, checkpoints: Checkpoints, every: int):
        self._checkpoints = checkpoints
        self.every = every

    def look(self, look: loop.Look) -> None:
        """Saves where a multiple of N, or the end, is reached."""
        if look.step % self.every == 0 or look.is_last:
            self._checkpoints.save(look.step)
