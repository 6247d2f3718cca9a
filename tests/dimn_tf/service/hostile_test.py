"""What callers send who mean no good: refused in words, and the service goes on."""

import http.client
import io
import json
import re
import socket
import time
import zlib

import numpy as np
import PIL.Image
import pytest

from data_builders import dummy_images
from dimn_tf import errors, images
from dimn_tf.service import access, guard, problems, uploads
from tests.dimn_tf.service.running import running


def _image(seed=1, height=60, width=30):
    return images.encode_png(dummy_images.pixels(seed, height, width))


GOOD = _image()


def _bomb(side=15_000):
    """A PNG of few bytes that unpacks to many pixels."""
    pixels = PIL.Image.new("L", (side, side))
    buffer = io.BytesIO()
    pixels.save(buffer, "PNG", compress_level=9)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def client(halves_export, tmp_path_factory):
    """One service for all: whatever one test does to it, the next one sees."""
    folder = tmp_path_factory.mktemp("hostile")
    with running(
        halves_export.model,
        folder,
        requests_per_minute=0,
        largest_bytes=300_000,
        largest_pixels=1_000_000,
        upload_seconds=10.0,
    ) as made:
        yield made


@pytest.fixture(autouse=True)
def _it_goes_on(client):
    yield
    assert client.get("/healthz").status_code == 200
    found = client.post("/v1/search", files={"image": ("x", GOOD)})
    assert found.status_code == 200, found.text


def _problem(response, *statuses):
    assert response.status_code in statuses, response.text
    assert response.headers["content-type"] == problems.MEDIA_TYPE
    assert len(response.content) < 5_000
    assert "Traceback" not in response.text and "/tmp" not in response.text
    return response.json()["detail"]


def _search(client, content=GOOD, **fields):
    return client.post("/v1/search", files={"image": ("x", content)}, data=fields)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        GOOD[:50],
        GOOD[:-20],
        b"\x89PNG\r\n\x1a\n" + bytes(200),
        b"\xff\xd8\xff" + bytes(200),
        b"GIF89a" + bytes(200),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        zlib.compress(bytes(100_000)),
    ],
)
def test_what_is_no_image(client, content):
    assert _problem(_search(client, content), 422).startswith("image: ")
    _problem(client.post("/v1/entries", files={"image": ("x", content)}), 422)
    two = {"probe": ("x", GOOD), "enrolled": ("x", content)}
    told = _problem(client.post("/v1/compare", files=two), 422)
    assert told.startswith("enrolled: ")


def test_a_bomb_is_known_by_its_header(client):
    bomb = _bomb()
    assert len(bomb) < 300_000
    start = time.perf_counter()
    told = _problem(_search(client, bomb), 413)
    assert "15,000 x 15,000 pixels" in told or "pixels by its header" in told
    _problem(_search(client, bomb, box="0,0,9,9"), 413)
    assert time.perf_counter() - start < 5


def test_more_bytes_than_a_request_may_have(client):
    told = _problem(_search(client, _image(1, 700, 700)), 413)
    assert "more than 300,000 bytes" in told

    def endless():
        for _ in range(1000):
            yield bytes(10_000)

    # Without a length it is counted as it comes.
    answer = client.post(
        "/v1/search",
        content=endless(),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    _problem(answer, 413)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"k": 0}, "k"),
        ({"k": -5}, "k"),
        ({"k": 10**30}, "k"),
        ({"k": "many"}, "k"),
        ({"k": "1e3"}, "k"),
        ({"since": "noon"}, "since"),
        ({"until": "9" * 400}, "until"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "A time is out of range"),
        ({"until": "9999-12-31T23:59:59-14:00"}, "A time is out of range"),
        ({"one_per_person": "perhaps"}, "one_per_person"),
        ({"false_accepts": 7}, "false_accepts=7"),
        ({"false_accepts": "x"}, "false_accepts"),
        ({"box": "0,0,99999,5"}, "outside"),
        ({"box": "0;0;9;9"}, "expected left,top,width,height"),
    ],
)
def test_parameters_of_another_kind(client, fields, words):
    assert words in _problem(_search(client, **fields), 422)


def test_ten_thousand_boxes(client):
    _problem(_search(client, box=["0,0,9,9"] * 10_000), 400, 413)
    told = _problem(_search(client, box=["0,0,9,9"] * 900), 413)
    assert told == "900 boxes, more than 32"
    _problem(_search(client, box=["0,0,9,9"] * 33), 413)
    found = _search(client, box=["0,0,9,9"] * 32).json()
    assert len(found["probes"]) == 32


def test_boxes_that_are_a_whole_large_frame_each(client):
    frame = images.encode_png(np.zeros((900, 1000, 3), np.uint8))
    many = _problem(_search(client, frame, box=["0,0,1000,900"] * 5), 413)
    assert many == "image: boxes of 4,500,000 pixels together, more than 4,000,000"
    assert _search(client, frame, box=["0,0,1000,900"] * 4).status_code == 200
    _problem(_search(client, box=["0,0,9,9" + " " * 90]), 422)


def test_a_request_without_what_it_needs(client):
    for kind in ("application/json", "text/plain", "multipart/form-data", "x"):
        for content in (b"", b"{}", b"--x\r\n", bytes(1000), b"\xff" * 999):
            answer = client.post(
                "/v1/search", content=content, headers={"Content-Type": kind}
            )
            _problem(answer, 400, 422)
    _problem(client.post("/v1/search", data={"image": "a text"}), 422)


def test_ids_that_are_paths_and_tricks(client):
    for name in (
        "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "a%00b",
        "entry-" + "0" * 32, "sha256-", "'; DROP TABLE entries;--", "%", "日本",
        "x" * 4000,
    ):  # fmt: skip
        for method, path in (
            ("GET", "/v1/pictures/"), ("DELETE", "/v1/entries/"),
            ("DELETE", "/v1/persons/"),
        ):  # fmt: skip
            _problem(client.request(method, path + name), 400, 404, 405, 422)
    _problem(client.get("/v1/pictures/" + "x" * 9_000), 422)
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/.env", "/docs"):
        assert client.get(path).status_code == 404


def test_any_text_is_a_name(client):
    for name in ("日本 🙂", "a\u202eb", "<script>alert(1)</script>", "'; --", "a\x00b"):
        answer = client.post(
            "/v1/entries",
            files={"image": ("x", _image(hash(name) % 1000 + 10))},
            data={"person_id": name, "camera_id": name},
        )
        assert answer.status_code == 201, answer.text
        listed = client.get("/v1/entries", params={"person_id": name}).json()
        (entry,) = listed["entries"]
        assert entry["person_id"] == entry["camera_id"] == name
        assert client.delete(f"/v1/entries/{entry['id']}").status_code == 200
    told = client.post(
        "/v1/entries", files={"image": ("x", GOOD)}, data={"person_id": "x" * 300}
    )
    assert "person_id" in _problem(told, 422)


def test_pages_of_other_sites_and_other_names_for_this_machine(client):
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        answer = client.post(
            "/v1/search", files={"image": ("x", GOOD)}, headers=headers
        )
        _problem(answer, 403)
    answer = client.options(
        "/v1/search",
        headers={
            "Origin": "http://evil.example",
            "Access-Control-Request-Method": "POST",
        },
    )
    assert "access-control-allow-origin" not in answer.headers


def test_answers_are_not_to_be_framed_sniffed_or_cached(client):
    answer = client.get("/v1/entries")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "uvicorn" not in answer.headers.get("server", "")
    for path in ("/", "/page/people", "/v1/entries", "/healthz", "/nowhere"):
        assert client.get(path).headers["cache-control"] == "no-store"
    (script, *_) = re.findall(r"/static/[^\"']+", client.get("/").text)
    assert client.get(script).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/login", "/v1/search", "/page/search"])
@pytest.mark.parametrize(
    "charset", ["punycode", '"Punycode"', "utf-7", "idna", "'x'", "*0=punycode"]
)
def test_other_character_sets_are_not_decoded(client, path, charset):
    """Punycode of a megabyte takes a minute of the one thread that all wait for."""
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
    answer = client.post(
        path,
        content=part + b"a" * 50_000 + b"\r\n--x--\r\n",
        headers={"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
        if "*" not in charset
        else {"Content-Type": f"multipart/form-data; boundary=x; charset{charset}"},
    )
    _problem(answer, 415)


PUNYCODE = b"".join(
    (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n',
        b"a" * 50_000,
        b"\r\n--x--\r\n",
    )
)


@pytest.mark.parametrize("path", ["/login", "/v1/search"])
@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data; boundary=xcharset=utf-8; charset=punycode",
        "multipart/form-data; boundary=x; mycharset=utf-8; charset=punycode",
        "multipart/form-data; boundary=x; charset=utf-8; charset=punycode",
        'multipart/form-data; boundary=x; a="charset=utf-8"; CharSet =Punycode',
    ],
)
def test_the_charset_is_the_one_that_the_parser_reads(client, path, kind):
    content = (
        PUNYCODE.replace(b"--x", b"--xcharset=utf-8") if "xch" in kind else PUNYCODE
    )
    answer = client.post(path, content=content, headers={"Content-Type": kind})
    _problem(answer, 415)


@pytest.mark.parametrize(
    "name", ["Content-Type", "Host", "Authorization", "Origin", "Sec-Fetch-Site"]
)
def test_what_says_one_thing_is_said_once(client, name):
    """Of two, the guard would look at the last, and what follows at the first."""
    host = f"localhost:{client.base_url.port}"
    first, last = {
        "Content-Type": (
            "multipart/form-data; boundary=x; charset=punycode",
            "multipart/form-data; boundary=x",
        ),
        "Host": ("evil.example", host),
        "Authorization": ("Bearer a", "Bearer b"),
        "Origin": ("http://evil.example", f"http://{host}"),
        "Sec-Fetch-Site": ("cross-site", "same-origin"),
    }[name]
    given = {"Host": host, "Content-Type": "multipart/form-data; boundary=x"}
    given.pop(name, None)
    lines = [*given.items(), (name, first), (name, last)]
    lines.append(("Content-Length", str(len(PUNYCODE))))
    head = "".join(f"{key}: {value}\r\n" for key, value in lines).encode()
    status, body = _raw(
        client, b"POST /v1/search HTTP/1.1\r\n", head, b"\r\n", PUNYCODE
    )
    assert status == 400
    told = json.loads(body)["detail"]
    assert told == f"The header {name.lower()} came more than once; send it once"


def test_a_cookie_may_come_in_parts(halves_export, tmp_path):
    """As a proxy may hand on what HTTP/2 split."""
    allowed = access.Access({"anna": "t" * 20})
    with running(halves_export.model, tmp_path, allowed) as client:
        cookies = [("Cookie", f"{access.COOKIE}={'t' * 20}"), ("Cookie", "other=1")]
        assert client.get("/v1/entries", headers=cookies).status_code == 200


def test_utf_8_may_be_named(client):
    part = b'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\nno'
    kind = "multipart/form-data; boundary=x; charset=UTF-8"
    answer = client.post(
        "/login", content=part + b"\r\n--x--\r\n", headers={"Content-Type": kind}
    )
    assert answer.status_code != 415


def test_what_needs_no_token_takes_little(client):
    answer = client.post("/login", data={"token": "a" * 100_000})
    _problem(answer, 413)


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded ; a=multipart/form-data",
        "application/json",
        "",
    ],
)
def test_only_a_multipart_form_may_be_large(client, kind):
    """Other forms are read byte by byte, while everybody waits."""
    headers = {"Content-Type": kind} if kind else {}
    for method, path in (("POST", "/v1/search"), ("PATCH", "/v1/entries/x")):
        few, many = (
            client.request(method, path, content=b"&" * count, headers=headers)
            for count in (60_000, 70_000)
        )
        _problem(few, 404, 422)
        told = _problem(many, 413)
        assert told.endswith("multipart/form-data") and "65,536" in told


def _raw(client, *parts, pause=0.0):
    """What a socket gets back that sends parts with pauses between."""
    address = client.base_url.host, client.base_url.port
    with socket.create_connection(address, timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, response.read()


def test_a_slow_caller_is_told_so(halves_export, tmp_path):
    head = (
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    with running(halves_export.model, tmp_path, upload_seconds=0.5) as client:
        status, body = _raw(client, head, b"--x", pause=0.3)
        assert status == 408 and json.loads(body)["type"].endswith(":slow")


def test_half_a_request(client):
    address = client.base_url.host, client.base_url.port
    for content in (
        b"GET", b"GET / HTTP/1.1\r\nHost", b"\x00\xff\x16\x03\x01", bytes(100_000),
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nx",
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ):  # fmt: skip
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(content)


def test_a_caller_who_asks_too_often_is_told_when_to_come_again(
    halves_export, tmp_path
):
    with running(halves_export.model, tmp_path, requests_per_minute=5) as client:
        answers = [client.get("/v1/entries") for _ in range(7)]
        assert [a.status_code for a in answers] == [200] * 5 + [429] * 2
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 12
        assert client.get("/healthz").status_code == 200


def test_wrong_tokens_are_counted_and_told_however_much_is_sent(
    halves_export, tmp_path
):
    allowed = access.Access({"anna": "t" * 20})
    large = _image(1, 700, 700)  # Still being sent when the answer is known.
    with running(
        halves_export.model, tmp_path, allowed, requests_per_minute=4
    ) as client:
        statuses = [_search(client, large).status_code for _ in range(6)]
        assert statuses == [401] * 4 + [429] * 2
        right = {"Authorization": "Bearer " + "t" * 20}
        assert client.get("/v1/entries", headers=right).status_code == 200


def test_what_is_held_of_bodies_is_given_back(halves_export, tmp_path):
    made, make = [], guard.Guard.__init__

    def kept(self, *given):
        make(self, *given)
        made.append(self)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(guard.Guard, "__init__", kept)
        with running(halves_export.model, tmp_path, largest_bytes=50_000) as client:
            _search(client)
            _search(client, _image(1, 300, 300))
            _search(client, b"text")
            client.post(
                "/v1/search", files={"image": ("x", GOOD)}, headers={"Host": "x"}
            )
            client.post("/login", data={"token": "a" * 100_000})
            client.get("/v1/entries")
            assert made[0]._bodies.held == 0


def test_a_gallery_that_another_process_writes_to(halves_export, tmp_path):
    from dimn_tf.gallery import Gallery

    said = []
    with (
        running(halves_export.model, tmp_path, log=said.append) as client,
        Gallery(tmp_path / "people") as other,
        other._writing(),
    ):
        answer = client.post("/v1/entries", files={"image": ("x", GOOD)})
        _problem(answer, 503)
        assert answer.headers["Retry-After"] == "5"
        assert _search(client).status_code == 200
    assert "another process is writing" in said[0]


def test_a_defect_tells_nothing_of_itself_but_to_the_log(
    halves_export, tmp_path, monkeypatch
):
    said = []
    with running(halves_export.model, tmp_path, log=said.append) as client:
        for error in (RuntimeError("secret"), errors.UserError("secret /tmp/x")):
            with monkeypatch.context() as patched:
                patched.setattr(uploads, "pictures", _raising(error))
                answer = _search(client)
            _problem(answer, 500)
            assert "secret" not in answer.text
            end = time.monotonic() + 10  # What the log says may come after the answer.
            while not said and time.monotonic() < end:
                time.sleep(0.01)
            assert "secret" in said.pop()
        assert _search(client).status_code == 200 and not said


def _raising(error):
    def broken(*given):
        raise error

    return broken


def test_what_the_model_finds_nothing_in(halves_export, tmp_path, monkeypatch):
    call, empty = halves_export.model.probe_features, []

    def zeros(files):
        answer = call(files)
        answer.vectors[empty] = 0
        return answer

    monkeypatch.setattr(halves_export.model, "probe_features", zeros)
    with running(halves_export.model, tmp_path) as client:
        empty.append(0)
        assert "finds nothing in it" in _problem(_search(client), 422)
        found = _search(client, box=["0,0,9,9", "5,5,9,9"]).json()["probes"]
        assert [probe["fault"] is None for probe in found] == [False, True]
