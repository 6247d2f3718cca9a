"""How uvicorn runs the service."""

from __future__ import annotations

import uvicorn

from dimn_tf.service import guard

PATIENCE = 30
"""Seconds that requests have to end after SIGTERM; ours."""
_CONNECTIONS = 1_000


def settings(app: guard.Guard) -> uvicorn.Config:
    """uvicorn's settings; nobody's word is taken for another address."""
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=PATIENCE,
    )
