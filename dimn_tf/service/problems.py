"""Errors as the service answers them: problem details (RFC 9457)."""

from __future__ import annotations

import http
from typing import Any

import fastapi
import fastapi.exceptions
import fastapi.responses
import starlette.exceptions

from dimn_tf import errors

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


def install(app: fastapi.FastAPI) -> None:
    """Makes every error of an app a problem."""

    @app.exception_handler(Problem)
    async def _problem(request, error: Problem):
        return error.response()

    @app.exception_handler(fastapi.exceptions.RequestValidationError)
    async def _invalid(request, error):
        faults = [
            {
                "where": ".".join(str(part) for part in fault["loc"]),
                "fault": fault["msg"],
            }
            for fault in error.errors()
        ]
        told = "; ".join(f"{fault['where']}: {fault['fault']}" for fault in faults[:5])
        return Problem(422, "parameters", told, faults=faults).response()

    @app.exception_handler(starlette.exceptions.HTTPException)
    async def _http(request, error):
        return Problem(
            error.status_code, "http", str(error.detail), dict(error.headers or {})
        ).response()

    @app.exception_handler(errors.UserError)
    async def _refused(request, error):
        # What a gallery or a model refuses names files of the server: that stays in
        # its log, which `serve` writes.
        app.state.log(f"{request.method} {request.url.path}: {error}")
        return Problem(
            500, "server", "The server cannot do this now; its log says why."
        ).response()

    @app.exception_handler(Exception)
    async def _defect(request, error):
        return Problem(
            500, "server", "A defect of the server; its log says where."
        ).response()


RESPONSES = {
    status: {
        "description": text,
        "content": {
            MEDIA_TYPE: {
                "schema": {"type": "object"},
                "example": {
                    "type": _TYPE + kind,
                    "title": http.HTTPStatus(status).phrase,
                    "status": status,
                    "detail": text,
                },
            }
        },
    }
    for status, kind, text in (
        (401, "token", "No token, or not the right one."),
        (413, "too_large", "More bytes, pixels or images than a request may have."),
        (422, "parameters", "A parameter, a box or an image that cannot be used."),
        (429, "rate", "More requests a minute than a caller may make."),
        (503, "busy", "Too many images wait already: try again after Retry-After."),
    )
}
"""What every operation may answer, for its description."""
