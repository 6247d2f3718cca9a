"""Answers that nobody reads: closed in time, with what was held for them."""

import contextlib
import socket
import time

import httpx
import pytest
from uvicorn.protocols.http import auto, h11_impl, httptools_impl

from data_builders import dummy_images
from dimn_tf import images
from dimn_tf.service import connections, guard, pieces
from tests.dimn_tf.service.running import running

FILE = max((pieces.HERE / "static").iterdir(), key=lambda path: path.stat().st_size)
GET = f"GET /static/{FILE.name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
WITH_BODY = GET[:-2] + b"Content-Length: 20000\r\n\r\n" + bytes(20_000)
LAST = b"GET /healthz HTTP/1.0\r\n\r\n"
MANY = 400  # Answers of 20 MB, more than the system takes in itself.


@contextlib.contextmanager
def _sockets(client, count):
    address = client.base_url.host, client.base_url.port
    with contextlib.ExitStack() as opened:
        made = []
        for _ in range(count):
            one = opened.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            one.settimeout(30)
            one.connect(address)
            made.append(one)
        yield made


@pytest.fixture(autouse=True)
def registers(monkeypatch):
    """The open connections of each server that is started."""
    made, make = [], connections.Register.__init__

    def kept(self, *given):
        make(self, *given)
        made.append(self)

    monkeypatch.setattr(connections.Register, "__init__", kept)
    return made


def _answers(client):
    """Whether a connection of its own is let in."""
    return httpx.get(f"{client.base_url}/healthz", timeout=30).status_code == 200


def _until(check):
    end = time.monotonic() + 30
    while not check():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    "protocol", [httptools_impl.HttpToolsProtocol, h11_impl.H11Protocol]
)
def test_a_caller_who_reads_nothing_goes(
    halves_export, tmp_path, registers, monkeypatch, protocol
):
    """However little waits, and whether the connection would end behind it."""
    monkeypatch.setattr(auto, "AutoHTTPProtocol", protocol)
    limits = {"connections_per_address": 4, "unread_seconds": 0.5}
    with running(halves_export.model, tmp_path, **limits) as client:
        for sent in (40 * GET, MANY * GET, MANY * GET + LAST):
            with _sockets(client, 4) as sockets:
                for one in sockets:
                    one.sendall(sent)
                time.sleep(0.2)
                _until(lambda: _answers(client))
                _until(lambda: len(registers[0]) <= 1)


def test_a_caller_who_reads_slowly_is_let_read(halves_export, tmp_path):
    size = 0
    with (
        running(halves_export.model, tmp_path, unread_seconds=1.0) as client,
        _sockets(client, 1) as (one,),
    ):
        one.sendall(MANY * GET)
        begun = time.monotonic()
        while size < MANY * FILE.stat().st_size:
            part = one.recv(1 << 19, socket.MSG_WAITALL)
            assert part, f"closed after {size:,} bytes"
            size += len(part)
            time.sleep(0.06)
        assert time.monotonic() - begun > 2.0  # Twice the limit, at least.


def test_an_answer_that_takes_long_is_waited_for(halves_export, tmp_path, monkeypatch):
    call = halves_export.model.probe_features

    def slow(files):
        time.sleep(1.5)
        return call(files)

    monkeypatch.setattr(halves_export.model, "probe_features", slow)
    content = images.encode_png(dummy_images.pixels(1, 60, 30))
    with running(halves_export.model, tmp_path, unread_seconds=0.2) as client:
        begun = time.monotonic()
        found = client.post("/v1/search", files={"image": ("x", content)})
        assert found.status_code == 200 and time.monotonic() - begun >= 1.5


def test_what_is_held_for_them_is_given_back(halves_export, tmp_path, monkeypatch):
    made, make = [], guard.Guard.__init__

    def kept(self, *given):
        make(self, *given)
        made.append(self)

    monkeypatch.setattr(guard.Guard, "__init__", kept)
    limits = {"unread_seconds": 2.0, "requests_per_minute": 0}
    with (
        running(halves_export.model, tmp_path, **limits) as client,
        _sockets(client, 6) as sockets,
    ):
        for one in sockets:
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.sendall(MANY * WITH_BODY)
        # Each waits to answer one of them, and has its body.
        _until(lambda: made[0]._bodies.held == len(sockets) * 20_000)
        _until(lambda: made[0]._bodies.held == 0)
        assert _answers(client)
