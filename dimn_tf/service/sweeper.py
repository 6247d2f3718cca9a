"""Removes what is too old or gone, once in a while, and is seen where it fails."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable

from dimn_tf.service import metrics, problems

_SECONDS = 3600.0
_RETRY_SECONDS = 60.0
_PATIENCE = 86_400.0
"""Seconds for which the gallery may be another's to write to before the service counts
as one that does not keep its promise; ours."""


class Sweeper:
    """Does the work in turns, for ever; a failure ends no turn but its own.

    Args:
        turn: See `Keeper.turn`.
        remove: Removes what is to go, and says how many entries were too old.
        measures: Counts.
        log: Takes lines for who runs the service.
        clean: Does what each service has to do for itself, whoever has the turn.
    """

    def __init__(
        self,
        turn: Callable[[str, float], Awaitable[bool]],
        remove: Callable[[], Awaitable[int]],
        measures: metrics.Metrics,
        log: Callable[[str], None],
        clean: Callable[[], None] = lambda: None,
    ):
        self._turn, self._remove, self._clean = turn, remove, clean
        self._metrics, self._log = measures, log
        self._failing_since: float | None = None
        self._broken = False

    @property
    def overdue(self) -> bool:
        """Whether what is to go stays: by a defect, or for longer than a day."""
        if self._failing_since is None:
            return False
        return self._broken or time.monotonic() - self._failing_since > _PATIENCE

    async def run(self) -> None:
        """Never ends by itself."""
        while True:
            await asyncio.sleep(await self._once())

    async def _once(self) -> float:
        """Seconds until the next time."""
        try:
            count = await self._in_turn()
        except Exception as error:
            self._broken = not isinstance(error, problems.Problem | OSError)
            told = traceback.format_exc() if self._broken else error
            self._log(f"what is to go could not be removed: {told}")
            self._metrics.swept("failed")
            if self._failing_since is None:
                self._failing_since = time.monotonic()
            return _RETRY_SECONDS
        if count is None:
            return _SECONDS if self._failing_since is None else _RETRY_SECONDS
        if count:
            self._log(f"{count:,} entries were older than --keep_days: removed")
        self._metrics.swept("done")
        self._failing_since, self._broken = None, False
        return _SECONDS

    async def _in_turn(self) -> int | None:
        """How many entries went; None: it is another service's turn."""
        try:
            self._clean()
        finally:  # A log that cannot be removed keeps no entry.
            # All replicas of a service wait as long: one of them does it.
            has_turn = await self._turn("remove_old", _SECONDS / 2)
            count = await self._remove() if has_turn else None
        return count
