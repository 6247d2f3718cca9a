"""A stretch of training with a step of its own; most methods have one."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import keras
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Phase:
    """Some steps of a run, one phase after another.

    All phases of a method give scalars of the same names, so that one log holds them.

    Attributes:
        name: What is told of it, e.g. "the encoder".
        steps: How many.
        step: A training iteration on a batch; see `Method.train_step`.
        takes_images: Whether the batch is what `batch_request` asks for. Else it is
            {"step": int64 scalar, 0, 1, ... of the whole run}, and no image is read.
        begin: Called before the phase's first step of a process, also where it goes
            on from a checkpoint, with `every_image`: a call that gives all training
            images, in the order of their labels, as (float32 [n, H, W, 3], int32 [n])
            without augmentation.
        first_trained: Variables that no phase before trains: Adam, which must be the
            method's optimiser, counts its steps on them from this one.
    """

    name: str
    steps: int
    step: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]
    takes_images: bool = True
    begin: Callable[[Callable[[], Iterable]], None] | None = None
    first_trained: Sequence[keras.Variable] = ()


def left(phases: Iterable[Phase], start: int) -> Iterator[tuple[Phase, int, int]]:
    """The phases that are not done, and what of them: first step, one past the last.

    Args:
        phases: All of a run.
        start: Steps that are done.
    """
    first = 0
    for phase in phases:
        last = first + phase.steps
        if start < last:
            yield phase, max(start, first), last
        first = last
