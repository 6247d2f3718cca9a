"""The socket that the service listens at."""

import socket

import pytest

from dimn_tf import errors
from dimn_tf.service import server


def test_answers_are_not_held_back_by_nagles_delay():
    with server.bound("127.0.0.1", 0) as made:
        assert made.proto == socket.IPPROTO_TCP  # Else asyncio leaves it on.
        assert made.getsockname()[1] > 0


def test_an_address_that_is_taken_or_none_is_told():
    with server.bound("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(errors.UserError, match=f"--port={port}: cannot listen"):
            server.bound("127.0.0.1", port)
    with pytest.raises(errors.UserError, match="--host=no.such.invalid"):
        server.bound("no.such.invalid", 0)
