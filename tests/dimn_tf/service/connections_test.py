"""Connections that ask for nothing: closed in time, and in nobody's way."""

import contextlib
import http.client
import json
import socket
import time
import types

import httpx
import pytest
from uvicorn.protocols.http import auto, h11_impl, httptools_impl

from dimn_tf.service import access, connections, problems
from tests.dimn_tf.service.running import running

HALF = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@contextlib.contextmanager
def _sockets(client, count, sent=b""):
    """Connections that have sent so much, and wait."""
    address = client.base_url.host, client.base_url.port
    with contextlib.ExitStack() as opened:
        made = []
        for _ in range(count):
            one = opened.enter_context(socket.create_connection(address, timeout=30))
            one.sendall(sent)
            made.append(one)
        yield made


def _closed(connection):
    """Whether the other end has closed it, within its timeout."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize("sent", [b"", b"GET", HALF])
def test_a_header_that_does_not_come_is_waited_for_so_long(
    halves_export, tmp_path, sent
):
    with (
        running(halves_export.model, tmp_path, header_seconds=0.5) as client,
        _sockets(client, 3, sent) as sockets,
    ):
        assert all(_closed(one) for one in sockets)
        assert client.get("/healthz").status_code == 200


def test_a_header_that_comes_byte_by_byte_is_cut_off_too(halves_export, tmp_path):
    with (
        running(halves_export.model, tmp_path, header_seconds=1.0) as client,
        _sockets(client, 1, HALF + b"\r\n") as (one,),
    ):
        assert one.recv(4096).startswith(b"HTTP/1.1 200")
        one.settimeout(0.05)
        end = time.monotonic() + 30
        with contextlib.suppress(ConnectionError):  # Also after a request that was.
            while not _closed(one):
                assert time.monotonic() < end
                one.sendall(b"G")


def test_a_header_that_never_ends_is_cut_off(halves_export, tmp_path):
    with (
        running(halves_export.model, tmp_path, header_seconds=600.0) as client,
        _sockets(client, 1, HALF) as (one,),
    ):
        with contextlib.suppress(ConnectionError):
            for i in range(100):
                one.sendall(b"X-%d: " % i + b"x" * 60_000 + b"\r\n")
        assert _closed(one)
        assert client.get("/healthz").status_code == 200


def test_many_that_ask_for_nothing_block_nobody(halves_export, tmp_path):
    """With uvicorn's own limit the last line would be 503, for ever."""
    limits = {"connections": 20, "connections_per_address": 1_000}
    with (
        running(halves_export.model, tmp_path, header_seconds=600.0, **limits) as first,
        _sockets(first, 60, HALF) as sockets,
        httpx.Client(base_url=first.base_url, timeout=10) as client,
    ):
        assert client.get("/healthz").status_code == 200
        assert all(_closed(one) for one in sockets[:40])
        sockets[-1].sendall(b"\r\n")  # The newest were let wait.
        assert sockets[-1].recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(("proxies", "open_ones"), [((), 5), (["127.0.0.1"], 30)])
def test_one_address_has_so_many_connections(
    halves_export, tmp_path, proxies, open_ones
):
    limits = {"connections_per_address": 6, "header_seconds": 600.0}
    with (
        running(halves_export.model, tmp_path, proxies=proxies, **limits) as client,
        _sockets(client, 30, HALF) as sockets,
    ):
        # What is accepted is looked at in its order: with this answer, all are.
        with httpx.Client(base_url=client.base_url, timeout=10) as another:
            assert another.get("/healthz").status_code == 200
        for one in sockets:
            one.settimeout(0.2)
        assert [_closed(one) for one in sockets] == [True] * (30 - open_ones) + [
            False
        ] * open_ones


def test_where_all_are_at_work_one_more_is_told_so(halves_export, tmp_path):
    begun = (
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\nx"
    )
    limits = {"connections_per_address": 4, "upload_seconds": 600.0}
    with (
        running(halves_export.model, tmp_path, **limits) as client,
        _sockets(client, 4, begun) as sockets,
    ):
        time.sleep(0.5)
        for answer in (client.get("/healthz"), client.post("/v1/search")):
            assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
            assert answer.headers["content-type"] == problems.MEDIA_TYPE
            assert answer.json()["type"] == "urn:dimn_tf:problem:connections"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["connection"] == "close"
        page = client.get("/", headers={"Accept": "text/html"})
        assert page.status_code == 503 and "<html" in page.text
        sockets.pop().close()
        end = time.monotonic() + 30
        while client.get("/healthz").status_code != 200:
            assert time.monotonic() < end


ALLOWED = access.Access({"anna": "t" * 20})


def _begun(path, token=""):
    """A request whose body is not there."""
    told = f"Authorization: Bearer {token}\r\n" if token else ""
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\n{told}\r\nx"
    ).encode()


@pytest.mark.parametrize("path", ["/v1/search", "/login"])
def test_callers_without_a_token_leave_room_for_those_with_one(
    halves_export, tmp_path, path
):
    """However long a body may take, and whatever they ask for."""
    limits = {"connections": 4, "upload_seconds": 600.0}
    right = {"Authorization": "Bearer " + "t" * 20}
    with (
        running(halves_export.model, tmp_path, ALLOWED, **limits) as first,
        _sockets(first, 4, _begun(path)) as refused,
    ):
        time.sleep(0.5)
        with httpx.Client(base_url=first.base_url, headers=right) as client:
            assert client.get("/v1/entries").status_code == 200
        assert _closed(refused[0])
        # Those with a token are let finish, where nobody else has to.
        with _sockets(first, 4, _begun("/v1/search", "t" * 20)) as at_work:
            time.sleep(0.5)
            with httpx.Client(base_url=first.base_url, headers=right) as client:
                assert client.get("/v1/entries").status_code == 503
            at_work[0].sendall(b"x" * 98)
            assert _answer(at_work[0])[0] == 400


def test_a_refused_body_is_not_waited_for_long(halves_export, tmp_path):
    with (
        running(halves_export.model, tmp_path, ALLOWED, upload_seconds=600.0) as client,
        _sockets(client, 1, _begun("/v1/search")) as (one,),
    ):
        start = time.monotonic()
        status, _, body = _answer(one)
        assert status == 401 and json.loads(body)["type"].endswith(":token")
        assert time.monotonic() - start < 20


def _answer(connection):
    """The next answer: its status, its kind and its body."""
    found = http.client.HTTPResponse(connection)
    found.begin()
    return found.status, found.headers["content-type"], found.read()


@pytest.mark.parametrize(
    "protocol", [httptools_impl.HttpToolsProtocol, h11_impl.H11Protocol]
)
def test_what_is_no_http_is_a_problem_too(
    halves_export, tmp_path, monkeypatch, protocol
):
    monkeypatch.setattr(auto, "AutoHTTPProtocol", protocol)
    with running(halves_export.model, tmp_path) as client:
        for sent in (
            b"\x16\x03\x01 nothing\r\n\r\n",
            b"GET /healthz HTTP/1.1\r\nHost localhost\r\n\r\n",
            b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nmany\r\n",
        ):
            with _sockets(client, 1, sent) as (one,):
                status, kind, body = _answer(one)
                assert (status, kind) == (400, problems.MEDIA_TYPE)
                assert json.loads(body)["type"] == "urn:dimn_tf:problem:http"
                assert _closed(one)


def test_no_problem_is_written_into_another_answer():
    written = []
    one = connections.Limited()
    one.transport = types.SimpleNamespace(
        write=written.append, close=lambda: written.append("close")
    )
    for started, complete, told in (
        (True, False, 0), (False, False, 1), (True, True, 1)
    ):  # fmt: skip
        one.cycle = types.SimpleNamespace(
            response_started=started, response_complete=complete
        )
        one.send_400_response("Invalid")
        assert len(written) == told + 1 and written[-1] == "close"
        assert all(part.startswith(b"HTTP/1.1 400 ") for part in written[:-1])
        written.clear()
