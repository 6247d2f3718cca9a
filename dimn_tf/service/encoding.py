"""What the model does for requests: images -> vectors, likeness, explanations."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

import anyio
import numpy as np

from dimn_tf import errors, images
from dimn_tf.export import served_model
from dimn_tf.gallery import entries as entries_lib
from dimn_tf.gallery import explanation
from dimn_tf.service import encoder_queue, options, problems, room, uploads

_T = TypeVar("_T")
_DECODERS = 4  # Images that are decoded at the same time.


class Encoding:
    """A model, with the threads that work for it.

    Args:
        model: Loaded; its score is an inner product.
        chosen: Limits.
        batch_done: Told each batch's number of images and seconds.
        log: Takes lines for who runs the service.

    Raises:
        errors.UserError: a model whose score is no inner product.
    """

    def __init__(
        self,
        model: served_model.ServedModel,
        chosen: options.ServiceOptions,
        batch_done: Callable[[int, float], None],
        log: Callable[[str], None],
    ):
        self._model, self._options, self._log = model, chosen, log
        self._room = room.Room(chosen.waiting_bytes)
        self.scale = model.inner_product_scale
        self._queue = encoder_queue.EncoderQueue(
            model, chosen.batch_size, chosen.waiting_images, batch_done
        )

    @property
    def waiting(self) -> int:
        """Images that wait to be encoded."""
        return len(self._queue)

    def start(self) -> None:
        """Starts to take images."""
        self._decoding = anyio.CapacityLimiter(_DECODERS)
        self._explaining = anyio.CapacityLimiter(1)
        self._queue.start()

    async def stop(self) -> None:
        """Ends when what waits is encoded."""
        await self._queue.stop()

    def warm_up(self) -> None:
        """Encodes noise, so that the first caller does not wait for what is built then.

        Raises:
            errors.UserError: the model gives no vector of it.
        """
        noise = np.random.default_rng(0).integers(0, 256, (64, 32, 3), np.uint8)
        for call in (self._model.probe_features, self._model.gallery_classifiers):
            if fault := call([images.encode_png(noise)]).unusable()[0]:
                raise errors.UserError(
                    f"{self._model.folder}: of an image of noise, {fault}. Export the "
                    "run again"
                )

    @contextlib.asynccontextmanager
    async def pictures(
        self, content: bytes, boxes: Sequence[uploads.Box] = (), name: str = "image"
    ) -> AsyncIterator[list[uploads.Picture]]:
        """See `uploads.pictures`; for a block, at whose end no bytes are needed.

        Raises:
            problems.Problem: also where too many bytes are held in such blocks.
        """
        held = uploads.bytes_of(content, boxes, self._options.largest_pixels)
        self._room.take(held)
        try:
            made = await self._pictures(content, boxes, name)
            self._room.give(held)
            held = 0
            size = sum(len(picture.file) for picture in made)
            self._room.take(size)
            held = size
            yield made
        finally:
            self._room.give(held)

    async def _pictures(self, content, boxes, name) -> list[uploads.Picture]:
        """In a thread, but for what is done at once."""
        if not boxes and uploads.is_small(content):
            return uploads.pictures(content, [], self._options.largest_pixels, name)
        return await anyio.to_thread.run_sync(
            uploads.pictures,
            content,
            list(boxes),
            self._options.largest_pixels,
            name,
            limiter=self._decoding,
        )

    async def made_of(self, file: bytes, make: Callable[[bytes], _T]) -> _T:
        """What a function makes of an image file; in a thread, or at once if fast."""
        if uploads.is_small(file):
            return make(file)
        return await anyio.to_thread.run_sync(make, file, limiter=self._decoding)

    async def vectors(
        self, kind: str, pictures: Sequence[uploads.Picture]
    ) -> tuple[np.ndarray, list[str | None]]:
        """Vectors [n, D], and for each why there is none, or None."""
        answer = await self._queue.encode(kind, [p.file for p in pictures])
        return answer.vectors, [fault or None for fault in answer.unusable()]

    async def explained(
        self,
        probe: bytes,
        entry_id: str,
        score: float,
        match: bytes,
        others: explanation.Others,
        copy: bool,
    ) -> explanation.Found:
        """An entry with its maps, see `explanation.explained`; in a thread.

        Args:
            probe: Image file.
            entry_id: The entry.
            score: Of the probe with it.
            match: Its image file.
            others: What it is told from.
            copy: Whether `match` is a smaller copy of what was enrolled.

        Raises:
            problems.Problem: 422, the model cannot explain its scores; 503, as many
                explanations wait as images may.
        """
        waiting = self._explaining.statistics().tasks_waiting
        if waiting >= self._options.waiting_images:
            raise problems.Problem(
                503,
                "busy",
                f"{waiting} explanations wait, as many as may. Try again after some "
                "seconds",
                {"Retry-After": "5"},
            )
        hit = entries_lib.Hit(entry_id, score, None, {})
        found = explanation.Found(hit, score, match)

        def work():
            return explanation.explained(self._model, probe, [found], others, copy)

        try:
            (row,) = await anyio.to_thread.run_sync(work, limiter=self._explaining)
        except errors.UserError as error:
            self._log(f"no explanation: {error}")
            raise problems.Problem(
                422,
                "explain",
                "This model's export cannot explain its scores, or is older than that: "
                "then export the run again",
            ) from error
        return row

    def threshold(self, false_accepts: int | None) -> tuple[float | None, int | None]:
        """The threshold and its false accepts: what is asked for, else 1,000's.

        Raises:
            problems.Problem: 422, the model has no such threshold.
        """
        try:
            return self._model.usual_threshold(false_accepts)
        except errors.UserError as error:
            raise problems.Problem(
                422,
                "threshold",
                f"false_accepts={false_accepts}: the model has no such threshold; "
                f"/readyz lists those that it has ({self.thresholds() or 'none'})",
            ) from error

    def thresholds(self) -> list[int]:
        """False accepts for which the model has a threshold."""
        rows = (self._model.metadata.get("thresholds") or {}).get("thresholds", [])
        return [r["one_in"] for r in rows if self._model.has_threshold(r["one_in"])]
