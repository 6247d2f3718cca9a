"""Connections that ask or read nothing: uvicorn waits for such for ever."""

from __future__ import annotations

import asyncio
import http
from collections.abc import Collection

import fastapi
from uvicorn.protocols.http import auto

from dimn_tf.service import access, guard, options, problems, unread

_HEADER_BYTES = 64 << 10  # Of a request's header, at most; ours (h11's own limit).


class Register:
    """The open connections of a server, the oldest first.

    Args:
        chosen: Limits.
        proxies: Addresses and networks whose connections are many callers': they
            count in the whole alone.
    """

    def __init__(self, chosen: options.ServiceOptions, proxies: Collection[str] = ()):
        self.header_seconds = chosen.header_seconds
        self.unread_seconds = chosen.unread_seconds
        self._most, self._each = chosen.connections, chosen.connections_per_address
        self._proxies = access.Addresses(proxies)
        self._open: dict[Limited, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Limited) -> bool:
        """Takes a new connection in.

        Where there are as many as may be, the oldest that asks for nothing goes, or
        for what it is refused.

        Returns:
            Whether there is room for it: false where all others are at work.
        """
        fits = len(self._open) < self._most or self._drop(list(self._open))
        address = connection.address
        if address not in self._proxies:
            same = [one for one in self._open if one.address == address]
            fits = (len(same) < self._each or self._drop(same)) and fits
        self._open[connection] = None
        return fits

    def discard(self, connection: Limited) -> None:
        """Forgets one that is closed."""
        self._open.pop(connection, None)

    def _drop(self, among: Collection[Limited]) -> bool:
        for one in among:
            if one.may_go:
                self.discard(one)
                one.transport.abort()
                return True
        return False


class Limited:
    """Before a protocol of uvicorn's: limits for headers, and for answers that wait.

    uvicorn's own limit (`timeout_keep_alive`) begins with the first answer, and ends
    with the first byte of the next request. What it refuses itself, it tells as text.
    """

    register: Register

    @property
    def asks_nothing(self) -> bool:
        """Whether no request is here whose answer is not given."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def may_go(self) -> bool:
        """Whether it can be closed where others need room, see `guard.MAY_GO`."""
        return self.asks_nothing or self.cycle.scope["state"].get(guard.MAY_GO, False)

    @property
    def address(self) -> str:
        """Of the other end."""
        return self.client[0] if self.client else ""

    def connection_made(self, transport):
        """See base class."""
        self._timer: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._answered = None
        super().connection_made(transport)
        self._unread = unread.Watch(transport, self.loop, self.register.unread_seconds)
        if not self.register.add(self):
            self.app_state = {**self.app_state, guard.NO_ROOM: True}
        self._watch(0)

    def data_received(self, data):
        """See base class."""
        super().data_received(data)
        self._watch(len(data))

    def connection_lost(self, exc):
        """See base class."""
        self.register.discard(self)
        self._unwatch()
        self._unread.end()
        if self._answered is not None and not self._answered.response_complete:
            # uvicorn tells so only the last of several requests that came together.
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def resume_writing(self):
        """See base class."""
        self._unread.read()
        super().resume_writing()

    def send_400_response(self, msg):
        """See base class."""
        # In the middle of an answer it would seem to be its rest.
        if self.asks_nothing or not self.cycle.response_started:
            problem = problems.Problem(400, "http", msg, {"Connection": "close"})
            self.transport.write(_written(problem.response()))
        self.transport.close()

    def _start_asgi_task(self, cycle, app):
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _watch(self, size: int) -> None:
        """Lets the time run while a header is waited for, and counts its bytes."""
        if not self.asks_nothing:
            self._unwatch()
            return
        if self.cycle is None or not self.cycle.more_body:  # Else a body's rest.
            self._header_bytes += size
        if self._header_bytes > _HEADER_BYTES:
            self.transport.abort()
        elif self._timer is None:
            seconds = self.register.header_seconds
            self._timer = self.loop.call_later(seconds, self._end)

    def _unwatch(self) -> None:
        self._header_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self._timer = None
        if self.asks_nothing:
            self.transport.abort()


def _written(response: fastapi.Response) -> bytes:
    """An answer as it goes over a connection."""
    phrase = http.HTTPStatus(response.status_code).phrase
    lines = [f"HTTP/1.1 {response.status_code} {phrase}".encode()]
    lines += [b": ".join(row) for row in (*response.raw_headers, *guard.HEADERS)]
    return b"\r\n".join([*lines, b"", response.body])


def limited(register: Register) -> type[asyncio.Protocol]:
    """The protocol of one server."""
    return type("Served", (Limited, auto.AutoHTTPProtocol), {"register": register})
