"""What is asked for often, and takes a turn to find out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")
_SECONDS = 1.0  # For which it counts; ours.


class Remembered(Generic[_T]):
    """An answer that is asked for anew once a second, however often it is wanted.

    Args:
        ask: Gives it.
    """

    def __init__(self, ask: Callable[[], Awaitable[_T]]):
        self._ask, self._asking = ask, asyncio.Lock()
        self._found: tuple[float, _T] | None = None
        self._forgotten = 0

    async def __call__(self) -> _T:
        """The answer: of now, or of less than a second ago if nothing changed."""
        async with self._asking:
            if self._found is not None and time.monotonic() < self._found[0]:
                return self._found[1]
            forgotten, answer = self._forgotten, await self._ask()
            if forgotten == self._forgotten:
                self._found = time.monotonic() + _SECONDS, answer
            return answer

    def forget(self) -> None:
        """Notes that it may be another now."""
        self._found = None
        self._forgotten += 1
