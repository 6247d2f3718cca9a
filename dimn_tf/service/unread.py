"""Answers that nobody reads: uvicorn waits for their readers for ever."""

from __future__ import annotations

import asyncio

_LOOKS = 4  # In the seconds for which nothing may be read; ours.


class Watch:
    """Closes a connection of whose waiting bytes none goes for so long.

    Bytes wait here once the system's own buffers are full. While too many wait, uvicorn
    writes none (`pause_writing`): that no fewer wait than before then means that the
    other end has read nothing. It is looked at some times in those seconds, so that
    they may be a quarter more.

    Args:
        transport: Of the connection.
        loop: The running event loop.
        seconds: For which nothing may be read.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
    ):
        self._transport, self._loop = transport, loop
        self._between = seconds / _LOOKS
        self._before = self._still = 0
        self._next()

    def read(self) -> None:
        """Notes that what waited has been taken, if not all of it."""
        self._before = self._still = 0

    def end(self) -> None:
        """Looks no more."""
        self._timer.cancel()

    def _next(self) -> None:
        self._timer = self._loop.call_later(self._between, self._look)

    def _look(self) -> None:
        waiting = self._transport.get_write_buffer_size()
        unread = 0 < self._before <= waiting
        self._before, self._still = waiting, self._still + 1 if unread else 0
        if self._still < _LOOKS:
            self._next()
        else:
            self._transport.abort()
