"""A thing that one thread at a time may use, called from an event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")


class OneThread:
    """Calls that run one after the other, in a thread of their own.

    A gallery's connection belongs to the thread that opened it; so the gallery is
    opened here too.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str):
        self._executor = concurrent.futures.ThreadPoolExecutor(1, name)

    async def call(self, function: Callable[..., _T], *given: Any, **named: Any) -> _T:
        """What a function gives, once it is its turn.

        A call that has begun runs to its end, whether anyone waits for it or not: a
        change is made whole.
        """
        loop = asyncio.get_running_loop()
        task = loop.run_in_executor(self._executor, lambda: function(*given, **named))
        return await asyncio.shield(task)

    def wait_for(self, function: Callable[..., _T], *given: Any) -> _T:
        """What a function gives; for where no event loop runs yet."""
        return self._executor.submit(function, *given).result()

    def close(self) -> None:
        """Waits for what was begun, and ends the thread."""
        self._executor.shutdown()
