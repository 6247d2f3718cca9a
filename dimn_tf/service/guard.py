"""What stands before every request: who asks, how often, how much."""

from __future__ import annotations

import functools
import time
import traceback
from collections.abc import Callable

from dimn_tf.service import (
    access,
    bodies,
    guesses,
    metrics,
    options,
    problems,
    rates,
    refusals,
)
from dimn_tf.service import headers as headers_lib

OPEN = ("/", "/healthz", "/readyz", "/login", "/logout", "/openapi.json")
"""Paths that need no token; what is below `/static/` neither."""
NO_ROOM = "dimn_tf.no_room"
"""In the state of a request: it came by one connection more than may be."""
MAY_GO = "dimn_tf.may_go"
"""In the state of a request: it is refused, or no token came with it where others need
one, and its body is awaited. Its connection may be closed where others need room."""
_METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS")
STATIC = "/static/"
_CACHE = b"cache-control"
_BODY = "http.response.body"
_UNCOUNTED = ("/healthz", "/readyz", "/metrics")
_SMALL_BYTES = 64 << 10
"""Of a body that needs no token or is no multipart form, which alone carries images;
ours. Other forms are read byte by byte while everybody waits: 0.2 to 0.5 s a MiB."""
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # Not `no-referrer`: a form of the page would then come from the origin `null`.
    (b"referrer-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'",
    ),
)
"""Of every answer."""


class Guard:
    """An ASGI application around another one.

    A body is read whole before the request goes on, within its limits of bytes and
    seconds: a slow caller holds nothing but its connection.

    Args:
        app: The other one.
        allowed: Who may ask.
        chosen: Limits.
        measures: Takes counts and times.
        log: Takes what is told of defects.
    """

    def __init__(
        self,
        app,
        allowed: access.Access,
        chosen: options.ServiceOptions,
        measures: metrics.Metrics,
        log: Callable[[str], None],
    ):
        self._app, self._access, self._options = app, allowed, chosen
        self._metrics, self._rates = measures, rates.Rates(chosen.requests_per_minute)
        self._guesses = guesses.Guesses(allowed.name_of, chosen.requests_per_minute)
        self._bodies = bodies.Bodies(chosen.largest_bytes, chosen.upload_seconds)
        self._log = log

    async def __call__(self, scope, receive, send):
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status, answered = time.perf_counter(), 500, False

        async def send_with_headers(message):
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, headers = message["status"], [*message["headers"], *HEADERS]
                if not any(name.lower() == _CACHE for name, _ in message["headers"]):
                    kept = scope["path"].startswith(STATIC)
                    headers.append((_CACHE, b"no-cache" if kept else b"no-store"))
                message = {**message, "headers": headers}
            await send(message)
            answered = not message.get("more_body", message["type"] != _BODY)

        try:
            await self._let_in(scope, receive, send_with_headers)
        except problems.Problem as problem:
            told = refusals.response(problem, scope)
            await told(scope, receive, send_with_headers)
        except Exception:  # It is answered already: see `refusals.install`.
            self._log(f"{refusals.named(scope)}\n{traceback.format_exc()}")
            if not answered:
                raise
        finally:
            route = getattr(scope.get("route"), "path", "none")
            seconds = time.perf_counter() - start
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.request(method, route, status, seconds)

    async def _let_in(self, scope, receive, send) -> None:
        state = scope.setdefault("state", {})
        if state.get(NO_ROOM):  # Nor is it waited for what it sends.
            raise problems.Problem(
                503,
                "connections",
                "As many connections as may be are at work. Try again later",
                {"Retry-After": "5", "Connection": "close"},
            )
        headers = headers_lib.told(scope["headers"])
        path = scope["path"]
        address = (scope.get("client") or ("unknown",))[0]
        limit = self._options.largest_bytes
        if _is_open(path) or not headers_lib.is_multipart(headers):
            limit = min(limit, _SMALL_BYTES)
        try:
            caller = self._caller(headers, address, path)
            headers_lib.refuse_repeated(scope["headers"])
            headers_lib.refuse_charsets(headers)
        except problems.Problem:
            state[MAY_GO] = True
            await self._bodies.discard(receive, limit)
            raise
        known = caller.by_token or not self._access.tokens
        name_of = functools.partial(self._guesses.name_of, address=address)
        state.update(caller=caller, known=known, name_of=name_of)
        state[MAY_GO] = not known
        body = await self._bodies.read(headers, receive, limit)
        state[MAY_GO] = False
        try:
            await self._app(scope, _replayed(body, receive), send)
        finally:
            self._bodies.held -= len(body)

    def _caller(self, headers, address: str, path: str) -> access.Caller:
        """Who asks, if they may, and not too often.

        The page's own files hold no secret: a refusal's page needs them too.

        Raises:
            problems.Problem: 401, 403 or 429. Wrong tokens count by the address.
        """
        if path.startswith(STATIC):
            return access.Caller(address, by_token=False)
        try:
            caller = self._access.caller(
                headers, address, _is_open(path), self._guesses.name_of
            )
        except problems.Problem:
            self._rates.count(str(access.Caller(address, by_token=False)))
            raise
        if path not in _UNCOUNTED:
            self._rates.count(str(caller))
        return caller


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(STATIC)


def _replayed(body: bytes, receive):
    """`receive` of a request whose body is here already."""
    given = False

    async def replay():
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replay
