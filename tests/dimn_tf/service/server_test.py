"""The socket that the service listens at."""

import asyncio
import socket

import pytest

from dimn_tf import errors
from dimn_tf.service import options, server


def test_answers_are_not_held_back_by_nagles_delay():
    with server.bound("127.0.0.1", 0) as made:
        assert made.proto == socket.IPPROTO_TCP  # Else asyncio leaves it on.
        assert made.getsockname()[1] > 0


def _told_to_the_app(proxies, address):
    """Where a caller is, by what uvicorn tells of a request from an address."""

    async def app(scope, receive, send):
        scopes.append(scope)

    scopes: list[dict] = []
    settings = server.settings(app, options.ServiceOptions(), proxies)
    settings.load()
    told = [(b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-proto", b"https")]
    scope = {"type": "http", "scheme": "http", "headers": told, "client": (address, 9)}
    asyncio.run(settings.loaded_app(scope, None, None))
    return scopes[0]["client"][0], scopes[0]["scheme"]


def test_a_proxys_word_is_taken_at_sockets_of_both_protocols():
    """With --host=:: the proxy's address is told as one of IPv6."""
    proxies = ("127.0.0.1", "10.0.0.0/8", "fd00::1")
    for address in ("127.0.0.1", "10.9.8.7", "fd00::1"):
        assert _told_to_the_app(proxies, address) == ("203.0.113.9", "https")
    for address in ("::ffff:127.0.0.1", "::ffff:10.9.8.7"):
        assert _told_to_the_app(proxies, address) == ("203.0.113.9", "https")
    for address in ("127.0.0.2", "::ffff:127.0.0.2", "::ffff:11.0.0.1", "fd00::2"):
        assert _told_to_the_app(proxies, address) == (address, "http")
    assert _told_to_the_app((), "127.0.0.1") == ("127.0.0.1", "http")


def test_an_address_that_is_taken_or_none_is_told():
    with server.bound("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(errors.UserError, match=f"--port={port}: cannot listen"):
            server.bound("127.0.0.1", port)
    with pytest.raises(errors.UserError, match="--host=no.such.invalid"):
        server.bound("no.such.invalid", 0)
