"""Images of all requests, encoded together as they arrive."""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import dataclasses
import time
from collections.abc import Callable, Sequence

import numpy as np

from dimn_tf.export import served_model
from dimn_tf.service import problems

PROBE, ENROLLED = "probe", "enrolled"
"""Kinds of vectors: of what is searched for, and of what a gallery holds."""
_RETRY_SECONDS = 1


@dataclasses.dataclass(eq=False)
class _Waiting:
    kind: str
    file: bytes
    answer: asyncio.Future


class EncoderQueue:
    """Dynamic batches: while one is encoded, the next one gathers.

    No image waits for others: what is there when the model is free goes together, up
    to `batch_size`, in the order in which it came.

    Args:
        model: Loaded.
        batch_size: Images of a batch, at most.
        capacity: Images that may wait, at most.
        batch_done: Told each batch's number of images and seconds.
    """

    def __init__(
        self,
        model: served_model.ServedModel,
        batch_size: int,
        capacity: int,
        batch_done: Callable[[int, float], None] = lambda images, seconds: None,
    ):
        self._calls = {
            PROBE: model.probe_features,
            ENROLLED: model.gallery_classifiers,
        }
        self._batch_size, self._capacity = batch_size, capacity
        self._batch_done = batch_done
        self._waiting: collections.deque[_Waiting] = collections.deque()
        self._there = asyncio.Event()
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "encoder")
        self._task: asyncio.Task | None = None
        self._closing = False

    def __len__(self) -> int:
        """Images that wait."""
        return len(self._waiting)

    def start(self) -> None:
        """Begins to encode, on the running event loop."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Encodes what waits, takes nothing more, and ends."""
        self._closing = True
        self._there.set()
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    async def encode(self, kind: str, files: Sequence[bytes]) -> served_model.Answer:
        """The vectors of image files.

        Args:
            kind: `PROBE` or `ENROLLED`.
            files: n image files.

        Raises:
            problems.Problem: too many images wait, or the service is ending.
        """
        if self._closing or len(self._waiting) + len(files) > self._capacity:
            raise problems.Problem(
                503,
                "busy",
                f"{len(self._waiting)} images wait to be encoded, of {self._capacity} "
                "that may. Try again after a second",
                {"Retry-After": str(_RETRY_SECONDS)},
            )
        loop = asyncio.get_running_loop()
        added = [_Waiting(kind, file, loop.create_future()) for file in files]
        self._waiting.extend(added)
        self._there.set()
        try:
            found = await asyncio.gather(*(one.answer for one in added))
        except asyncio.CancelledError:  # The caller is gone.
            for one in added:
                one.answer.cancel()
            raise
        vectors, faults = zip(*found, strict=True)
        return served_model.Answer(np.array(vectors), faults)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._waiting:
                if self._closing:
                    return
                self._there.clear()
                await self._there.wait()
            batch = []
            while self._waiting and len(batch) < self._batch_size:
                one = self._waiting.popleft()
                if not one.answer.done():
                    batch.append(one)
            for kind in self._calls:
                part = [one for one in batch if one.kind == kind]
                if part:
                    await self._encode(loop, kind, part)

    async def _encode(self, loop, kind: str, part: list[_Waiting]) -> None:
        start = time.perf_counter()
        try:
            answer = await loop.run_in_executor(
                self._thread, self._calls[kind], [one.file for one in part]
            )
        except Exception as error:
            for one in part:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        self._batch_done(len(part), time.perf_counter() - start)
        for one, *row in zip(part, answer.vectors, answer.faults, strict=True):
            if not one.answer.done():
                one.answer.set_result(tuple(row))
