"""The service as an ASGI application."""

from __future__ import annotations

import contextlib

import fastapi
from starlette import formparsers

import dimn_tf
from dimn_tf.service import (
    access,
    answers,
    enrolling,
    guard,
    page,
    parameters,
    problems,
    refusals,
    searching,
)
from dimn_tf.service import core as core_lib

_ABOUT = """
Finds people again across cameras: enrol images of people, then search for whom another
camera saw. Every answer is a proposal for a human who looks at the pictures.

Errors are problem details (RFC 9457): `type` is a stable name, `detail` says what was
found, what was expected and what to do.
"""
_LATER = {"Retry-After": "5"}


def create(core: core_lib.Core, allowed: access.Access) -> guard.Guard:
    """Makes the application; its gallery is opened when it is started, if it is not.

    Args:
        core: What all requests share.
        allowed: Who may ask.
    """
    chosen, log, model = core.options, core.log, core.model

    @contextlib.asynccontextmanager
    async def lifespan(app):
        async with core.running():
            yield

    app = fastapi.FastAPI(
        title="dimn_tf",
        version=dimn_tf.__version__,
        description=_ABOUT,
        lifespan=lifespan,
        responses=problems.ALWAYS,
        # Their pages load scripts from elsewhere; /openapi.json is what they show.
        docs_url=None,
        redoc_url=None,
    )
    app.state.core, app.state.log, app.state.allowed = core, log, allowed
    # The guard limits bodies; a larger part would be written to a temporary file.
    formparsers.MultiPartParser.spool_max_size = chosen.largest_bytes
    refusals.install(app)
    app.include_router(searching.router)
    app.include_router(enrolling.router)
    page.install(app)

    @app.get("/healthz", summary="Whether the process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get(
        "/readyz",
        summary="Whether the service can answer",
        description="With the token, or where none is needed, also what it works with, "
        "or why it cannot.",
        response_model_exclude_none=True,
    )
    async def readyz(request: fastapi.Request) -> answers.Ready:
        reason = _unready(core)
        if not request.scope["state"]["known"]:
            if reason is not None:
                raise problems.Problem(
                    503, "not_ready", "The service cannot answer now", _LATER
                )
            return answers.Ready()
        if reason is not None:
            raise reason
        return answers.Ready(
            model=model.sha256,
            runtime=model.runtime,
            entries=await core.entries(),
            thresholds=core.encoding.thresholds(),
        )

    @app.get(
        "/metrics",
        response_class=fastapi.Response,
        summary="Prometheus' text",
        responses=problems.responses(401, 404),
        dependencies=parameters.TOKEN,
    )
    async def metrics() -> fastapi.Response:
        if core.keeper.shared:
            raise problems.Problem(
                404,
                "metrics",
                "One of several replicas answers here, whose counts are its own: take "
                "Ray Serve's metrics",
            )
        if core.ready:
            core.metrics.entries.set(await core.entries())
        text, kind = core.metrics.text()
        return fastapi.Response(text, media_type=kind)

    return guard.Guard(app, allowed, chosen, core.metrics, log)


def _unready(core: core_lib.Core) -> problems.Problem | None:
    """Why a service cannot answer; None: it can."""
    if not core.ready:
        return problems.Problem(503, "starting", "The service starts, or ends", _LATER)
    if core.replaced is not None:
        return core.replaced
    if core.sweeper.overdue:
        return problems.Problem(
            503,
            "sweeper",
            "What is older than --keep_days, or kept of entries that are gone, cannot "
            "be removed; the log says why",
            _LATER,
        )
    return None
