"""Errors as the service answers them: problem details (RFC 9457)."""

from __future__ import annotations

import http
from typing import Any

import fastapi.responses

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:dimn_tf:problem:"


class Problem(Exception):
    """A request that is not done, and why.

    Args:
        status: HTTP status.
        kind: Stable word that programs can tell it by, such as `image`.
        detail: What was found, what was expected and what to do, in one line.
        headers: Further headers of the answer.
        more: Further members of the body.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        headers: dict[str, str] | None = None,
        **more: Any,
    ):
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.headers, self.more = headers or {}, more

    def response(self) -> fastapi.responses.JSONResponse:
        """The answer."""
        body = {
            "type": _TYPE + self.kind,
            "title": http.HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        return fastapi.responses.JSONResponse(
            body, self.status, headers=self.headers, media_type=MEDIA_TYPE
        )


# Status -> the kind that is shown, and what it means.
_TOLD = {
    400: ("http", "Half a request, a header twice, or a form that cannot be read."),
    401: ("token", "No token, or not the right one."),
    403: ("origin", "A page of another site, or another name for this machine."),
    404: ("no_entry", "There is no such entry, person or picture."),
    408: ("slow", "The request's body was not there in time."),
    409: ("differs", "It is there under another person, camera or time."),
    413: ("too_large", "More bytes, pixels or images than a request may have."),
    415: ("charset", "Text in another character set than UTF-8."),
    422: ("parameters", "A parameter, a box or an image that cannot be used."),
    429: ("rate", "More requests a minute than a caller may make."),
    500: ("server", "The server cannot do this; its log says why."),
    503: ("busy", "Too much waits already, or the service starts or ends."),
}
_RETRIED = (429, 503)
_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "schema": {"type": "integer"},
    }
}
_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "A stable name."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was found, and what to do."},
    },
}


def responses(*statuses: int) -> dict[int, dict[str, Any]]:
    """What operations may answer, for their description."""
    return {status: _response(status, *_TOLD[status]) for status in statuses}


def _response(status: int, kind: str, text: str) -> dict[str, Any]:
    example = {
        "type": _TYPE + kind,
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": text,
    }
    content = {MEDIA_TYPE: {"schema": _SCHEMA, "example": example}}
    told = {"description": text, "content": content}
    return {**told, "headers": _RETRY_AFTER} if status in _RETRIED else told


ALWAYS = responses(400, 403, 408, 413, 415, 429, 500, 503)
"""What every operation may answer: mostly what stands before it does."""
RESPONSES = responses(401, 422)
"""What every operation of the gallery may answer beside."""
