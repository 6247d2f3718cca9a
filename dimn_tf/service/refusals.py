"""How what is not done is told: to a program as a problem, to a person as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fastapi
import fastapi.exceptions
import starlette.exceptions

from dimn_tf import errors
from dimn_tf.service import pieces, problems

_PAGES = ("/", "/login", "/logout")
"""Paths that browsers show whole. Pieces of the page are told by its script."""
_HINTS = {
    404: "There is no such path; /openapi.json lists those that there are",
    405: "This path takes other methods; /openapi.json lists them",
}


def response(problem: problems.Problem, scope: Mapping[str, Any]) -> fastapi.Response:
    """The answer: a page where a browser would show it, else problem details.

    Args:
        problem: What is told.
        scope: Of the request, by ASGI.
    """
    request = fastapi.Request(scope)
    accepted = request.headers.get("accept", "")
    if scope["path"] not in _PAGES or "text/html" not in accepted:
        return problem.response()
    return pieces.TEMPLATES.TemplateResponse(
        request,
        "refused.html",
        {"detail": problem.detail, "seconds": problem.headers.get("Retry-After")},
        status_code=problem.status,
        headers=problem.headers,
    )


def named(scope: Mapping[str, Any]) -> str:
    """A request for the log: by its route, since paths hold names of people."""
    return f"{scope['method']} {getattr(scope.get('route'), 'path', 'of no route')}"


def install(app: fastapi.FastAPI) -> None:
    """Makes every error of an app a refusal of that form."""

    @app.exception_handler(problems.Problem)
    async def _problem(request, error: problems.Problem):
        return response(error, request.scope)

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
        problem = problems.Problem(422, "parameters", told, faults=faults)
        return response(problem, request.scope)

    @app.exception_handler(starlette.exceptions.HTTPException)
    async def _http(request, error):
        detail = _HINTS.get(error.status_code, str(error.detail))
        headers = dict(error.headers or {})
        problem = problems.Problem(error.status_code, "http", detail, headers)
        return response(problem, request.scope)

    @app.exception_handler(errors.UserError)
    async def _refused(request, error):
        # What a gallery or a model refuses names files of the server: that stays in
        # its log, which `serve` writes.
        app.state.log(f"{named(request.scope)}: {error}")
        problem = problems.Problem(
            500, "server", "The server cannot do this now; its log says why."
        )
        return response(problem, request.scope)

    @app.exception_handler(Exception)
    async def _defect(request, error):
        problem = problems.Problem(
            500, "server", "A defect of the server; its log says where."
        )
        return response(problem, request.scope)
