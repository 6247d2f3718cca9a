"""Bodies of requests, read whole within limits of bytes and seconds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from dimn_tf.service import headers as headers_lib
from dimn_tf.service import problems

_BUFFERED = 512 << 20  # Bytes held at a time; ours.
_REFUSED_SECONDS = 2.0  # In which a refused request's body has to be there; ours.
_DISCARDED = 8
"""Limits' worth of a body that is too large which is read and thrown away: a caller who
is still sending would not hear the answer."""


class Bodies:
    """Reads bodies, and counts what is held of all.

    Args:
        largest_bytes: Of any body.
        seconds: In which one has to be there.

    Attributes:
        held: Bytes; whoever is done with a body takes its own off again.
    """

    def __init__(self, largest_bytes: int, seconds: float):
        self._largest_bytes, self._seconds = largest_bytes, seconds
        self.held = 0

    async def read(self, headers: Mapping[str, str], receive, limit: int) -> bytes:
        """The whole body, counted in `held`.

        Raises:
            problems.Problem: 400, 408, 413 or 503; nothing of it is held then.
        """
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(self._seconds):
                await self._take(headers, receive, limit, parts)
        except TimeoutError as error:
            self.held -= sum(map(len, parts))
            raise problems.Problem(
                408,
                "slow",
                f"The request was not there after {self._seconds:g} seconds",
                {"Connection": "close"},
            ) from error
        except BaseException:
            self.held -= sum(map(len, parts))
            raise
        return b"".join(parts)

    async def discard(self, receive, limit: int) -> None:
        """Reads a refused request's body, and throws it away.

        A caller who is still sending would not hear the answer; one who takes long is
        not waited for.
        """
        seconds, size = min(self._seconds, _REFUSED_SECONDS), 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while size <= self._most(limit):
                    message = await receive()  # Of one who is gone it has no more.
                    size += len(message.get("body", b""))
                    if not message.get("more_body"):
                        break

    def _most(self, limit: int) -> int:
        return max(_DISCARDED * limit, self._largest_bytes)

    async def _take(self, headers, receive, limit: int, parts: list[bytes]) -> None:
        claimed = headers.get("content-length", "0")
        too_large = not claimed.isdecimal() or int(claimed) > limit
        size, more = 0, True
        while more and size <= self._most(limit):
            message = await receive()
            if message["type"] == "http.disconnect":
                raise problems.Problem(400, "cut_off", "Half a request")
            part = message.get("body", b"")
            size += len(part)
            too_large = too_large or size > limit
            if not too_large:
                parts.append(part)
                self.held += len(part)
            if self.held > _BUFFERED:
                raise problems.Problem(
                    503,
                    "busy",
                    "Too much is being uploaded. Try again after a second",
                    {"Retry-After": "1"},
                )
            more = message.get("more_body")
        if too_large:
            told = f"The request's body has more than {limit:,} bytes"
            if not headers_lib.is_multipart(headers):
                told += ". Images are sent as multipart/form-data"
            raise problems.Problem(413, "too_large", told, {"Connection": "close"})
