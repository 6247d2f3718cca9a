"""How uvicorn runs the service."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import uvicorn

from dimn_tf import errors
from dimn_tf.service import access, connections, guard, options

PATIENCE = 30
"""Seconds that requests have to end after SIGTERM; ours."""


def settings(
    app: guard.Guard,
    chosen: options.ServiceOptions,
    proxies: Sequence[str] = (),
) -> uvicorn.Config:
    """uvicorn's settings.

    Args:
        app: What is served.
        chosen: Limits of connections.
        proxies: Addresses and networks (see `access.checked_proxies`) whose word is
            taken for the address and the scheme that callers use; nobody else's is.
    """
    register = connections.Register(chosen, proxies)
    return uvicorn.Config(
        app,
        http=connections.limited(register),
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=access.with_mapped(proxies),
        # The register limits connections: uvicorn counts those that it has closed
        # until their turn comes, and would refuse who comes after a burst.
        limit_concurrency=None,
        timeout_graceful_shutdown=PATIENCE,
    )


def bound(host: str, port: int) -> socket.socket:
    """A socket at an address, so that one that is taken is told at once.

    It is made by its protocol's number: without, asyncio leaves Nagle's delay on, and
    each answer comes 40 ms late.

    Args:
        host: Name or address.
        port: 0 takes any that is free.

    Raises:
        errors.UserError: it cannot be listened at.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError as error:
        raise errors.UserError(
            f"--host={host} --port={port}: cannot listen there ({error.strerror}). "
            "Name another port, or 0 for any"
        ) from error
    return made
