"""What is not done: a page for a person in a browser, a problem for a program."""

import re

import pytest

from dimn_tf.gallery import Gallery
from dimn_tf.service import access, problems
from tests.dimn_tf.service.running import running

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
LONG = {"data": {"token": "a" * 100_000}}


def _told(answer, status):
    """What a refusal's page says; it looks as the page does."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert '<link rel="stylesheet" href="/static/page.css">' in answer.text
    assert '<a href="/">' in answer.text
    (said,) = re.findall(r'<p class="fault" role="alert">(.*)</p>', answer.text)
    return said


def _problem(answer, status):
    assert answer.status_code == status
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    assert answer.json()["status"] == status


def test_who_asks_too_often_is_told_when_to_try_again(halves_export, tmp_path):
    with running(halves_export.model, tmp_path, requests_per_minute=2) as client:
        for _ in range(2):
            assert client.get("/", headers=BROWSER).status_code == 200
        answer = client.get("/", headers=BROWSER)
        seconds = answer.headers["retry-after"]
        assert _told(answer, 429) == (
            f"More than 2 requests in a minute. Try again in {seconds} s."
        )
        for path in set(re.findall(r'(?:href|src)="(/static/[^"]+)"', answer.text)):
            assert client.get(path).status_code == 200, path
        _told(client.post("/login", data={"token": "x"}, headers=BROWSER), 429)
        # Programs, and the page's own script, read problems.
        _problem(client.get("/"), 429)
        for path in ("/v1/entries", "/page/people", "/openapi.json", "/nowhere"):
            _problem(client.get(path, headers=BROWSER), 429)


@pytest.mark.parametrize(
    ("status", "headers", "given", "said"),
    [
        (413, {}, LONG, "more than 65,536 bytes"),
        (415, {"Content-Type": "text/plain; charset=utf-7"}, {}, "has to be UTF-8"),
        (403, {"Origin": "http://evil.example"}, LONG, "Pages of other sites"),
        (422, {}, {}, "token: Field required"),
    ],
)
def test_a_login_that_is_refused_is_a_page(
    halves_export, tmp_path, status, headers, given, said
):
    allowed = access.Access({"anna": "t" * 20})
    with running(halves_export.model, tmp_path, allowed) as client:
        _problem(client.post("/login", headers=headers, **given), status)
        answer = client.post("/login", headers={**headers, **BROWSER}, **given)
        assert said in _told(answer, status)


def test_another_name_of_this_machine_is_refused_as_it_looks(halves_export, tmp_path):
    evil = {"Host": "<b>evil.example</b>"}
    with running(halves_export.model, tmp_path) as client:
        told = _told(client.get("/", headers={**BROWSER, **evil}), 403)
        assert "&lt;b&gt;evil.example&lt;/b&gt;" in told and "call it localhost" in told
        assert client.get("/static/page.css", headers=evil).status_code == 200
        _problem(client.get("/v1/entries", headers={**BROWSER, **evil}), 403)


def test_a_service_that_starts_says_so_to_a_person(
    halves_export, tmp_path, monkeypatch
):
    monkeypatch.setattr("dimn_tf.service.core._START_SECONDS", 0.01)
    monkeypatch.setattr(Gallery, "prepare", lambda self: False)
    with running(halves_export.model, tmp_path) as client:
        answer = client.get("/", headers=BROWSER)
        assert "Try again after a few seconds" in _told(answer, 503)
        assert answer.headers["retry-after"] == "5"


def test_paths_and_methods_that_are_not_there_tell_where_to_look(
    halves_export, tmp_path
):
    with running(halves_export.model, tmp_path) as client:
        for answer, status in (
            (client.get("/nowhere"), 404),
            (client.put("/v1/entries"), 405),
        ):
            _problem(answer, status)
            assert "/openapi.json lists" in answer.json()["detail"]
        assert "other methods" in _told(client.get("/login", headers=BROWSER), 405)
