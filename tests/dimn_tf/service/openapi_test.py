"""The description against what the service answers."""

import ast
import inspect
import pathlib

import pytest

from data_builders import dummy_images
from dimn_tf import images
from dimn_tf.service import (
    access,
    bodies,
    core,
    encoder_queue,
    enrolling,
    guard,
    headers,
    problems,
    rates,
    searching,
)
from tests.dimn_tf.service.running import running

TOKEN = {"Authorization": "Bearer " + "t" * 20}
IMAGE = images.encode_png(dummy_images.pixels(1, 60, 30))
LARGE = {"image": ("x", bytes(200_000))}
OPEN = ("/healthz", "/readyz")


@pytest.fixture(scope="module")
def service(halves_export, tmp_path_factory):
    """A client without a token, of a service that needs one, and its description."""
    allowed = access.Access({"anna": "t" * 20})
    folder = tmp_path_factory.mktemp("openapi")
    with running(
        halves_export.model,
        folder,
        allowed,
        largest_bytes=100_000,
        requests_per_minute=0,
    ) as client:
        yield client, client.get("/openapi.json").json()


def _operations(told):
    return [
        (method, path, operation)
        for path, of in told["paths"].items()
        for method, operation in of.items()
    ]


def _answers(client, method, path):
    """What an operation answers to callers of several kinds."""
    path = path.replace("{entry_id}", "none").replace("{person_id}", "none")
    charset = {"Content-Type": "multipart/form-data; boundary=x; charset=utf-7"}
    form = {"image": ("x", IMAGE), "probe": ("x", IMAGE), "enrolled": ("x", IMAGE)}
    for given in (
        {},
        {"headers": {**TOKEN, "Origin": "http://evil.example"}},
        {"headers": {**TOKEN, **charset}},
        {"headers": TOKEN, "files": LARGE},
        {"headers": TOKEN, "files": {"other": ("x", b"text")}},
        {"headers": {**TOKEN, "Content-Type": "multipart/form-data"}, "content": b"x"},
        {"headers": TOKEN, "files": form},
        {"headers": TOKEN, "files": form, "data": {"entry_id": "none", "k": "0"}},
        {"headers": TOKEN, "files": form, "data": {"entry_id": "none"}},
    ):
        yield client.request(method, path, **given)


def test_what_is_answered_is_declared(service):
    client, told = service
    seen = set()
    for method, path, operation in _operations(told):
        for answer in _answers(client, method, path):
            status = str(answer.status_code)
            assert status in operation["responses"], (method, path, answer.text)
            declared = operation["responses"][status]
            kind = answer.headers["content-type"].partition(";")[0]
            if answer.status_code >= 400:
                assert kind == problems.MEDIA_TYPE and kind in declared["content"]
            seen.add(answer.status_code)
        assert {"403", "413", "415", "429", "503"} <= set(operation["responses"])
        for status in ("429", "503"):
            assert "Retry-After" in operation["responses"][status]["headers"]
    assert seen >= {200, 400, 401, 403, 404, 413, 415, 422}


def test_the_token_is_declared_where_it_is_needed(service):
    client, told = service
    schemes = told["components"]["securitySchemes"]
    assert schemes["token"]["type"] == "http" and schemes["token"]["scheme"] == "bearer"
    assert schemes["cookie"]["name"] == access.COOKIE
    for method, path, operation in _operations(told):
        answer = client.request(method, path)
        needs = answer.status_code == 401
        assert needs == (path not in OPEN), (method, path)
        assert needs == ("401" in operation["responses"])
        expected = [{"token": []}, {"cookie": []}] if needs else None
        assert operation.get("security") == expected


def test_every_problem_in_an_operations_own_lines_is_declared(service):
    _, told = service
    of_route = {}
    for module in (searching, enrolling):
        for route in module.router.routes:
            (method,) = {name.lower() for name in route.methods}
            path = route.path.replace(":path", "")
            of_route[method, path] = _statuses(inspect.getsource(route.endpoint))
    assert len(of_route) == 9 and any(404 in found for found in of_route.values())
    for (method, path), found in of_route.items():
        declared = set(map(int, told["paths"][path][method]["responses"]))
        assert found <= declared, (method, path)


def test_every_problem_of_what_all_share_is_declared():
    shared = set()
    for module in (access, bodies, core, encoder_queue, guard, headers, rates):
        shared |= _statuses(inspect.getsource(module))
    assert {401, 403, 408, 413, 415, 429, 503} <= shared
    assert shared <= set(problems.ALWAYS) | set(problems.RESPONSES)


def test_every_problem_that_passes_says_when_to_come_again():
    found = []
    for path in pathlib.Path(problems.__file__).parent.glob("*.py"):
        for call in _problems(path.read_text()):
            if call.args[0].value in (429, 503):
                found.append(call.lineno)
                told = ast.unparse(call)
                assert "Retry-After" in told or "_LATER" in told, (
                    f"{path}:{call.lineno}"
                )
    assert len(found) >= 6


def _statuses(source):
    """Of every `Problem(STATUS, ...)`."""
    return {call.args[0].value for call in _problems(source)}


def _problems(source):
    return [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and "Problem" in (getattr(node.func, "attr", ""), getattr(node.func, "id", ""))
        and isinstance(node.args[0], ast.Constant)
    ]
