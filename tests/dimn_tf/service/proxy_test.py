"""Behind a proxy: whose word is taken for a caller's address and scheme."""

import json

import pytest

from dimn_tf.service import access
from tests.dimn_tf.service.running import running

TOKEN = "t" * 20
BEARER = {"Authorization": f"Bearer {TOKEN}"}
TOLD = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}


@pytest.fixture(params=[(), ("127.0.0.1",), ("10.0.0.0/8",)])
def behind(request, halves_export, tmp_path):
    """A service, and whether it takes this test's word."""
    allowed = access.Access({"anna": TOKEN})
    with running(
        halves_export.model,
        tmp_path,
        allowed,
        proxies=request.param,
        requests_per_minute=3,
    ) as client:
        yield client, request.param == ("127.0.0.1",)


def test_a_login_over_tls_makes_a_cookie_for_tls_alone(behind):
    client, believed = behind
    sent = {"token": TOKEN}
    answer = client.post("/login", data=sent, headers=TOLD)
    assert ("Secure" in answer.headers["set-cookie"]) is believed
    answer = client.post(
        "/login", data=sent, headers={**TOLD, "X-Forwarded-Proto": "http"}
    )
    assert "Secure" not in answer.headers["set-cookie"]


def test_wrong_tokens_count_for_the_caller_and_not_for_the_proxy(behind):
    client, believed = behind

    def asked(address):
        # The first ones are the caller's own words; the proxy adds the last.
        told = f"198.51.100.{len(statuses)}, {address}"
        statuses.append(
            client.get("/v1/entries", headers={"X-Forwarded-For": told}).status_code
        )

    statuses = []
    for address in ["203.0.113.1"] * 4 + ["203.0.113.2"]:
        asked(address)
    assert statuses == [401] * 3 + [429, 401 if believed else 429]


def test_pages_of_the_public_name_are_its_own(behind):
    client, _ = behind
    public = {**BEARER, **TOLD, "Host": "people.example"}
    for origin, status in (
        ("https://people.example", 404),
        ("https://evil.example", 403),
    ):
        answer = client.delete("/v1/persons/x", headers={**public, "Origin": origin})
        assert answer.status_code == status


def test_the_audit_log_names_the_caller(halves_export, tmp_path):
    """Without tokens, which the launcher refuses, addresses are in it."""
    hosts = access.Access(hosts=("people.example",))
    proxies = ("127.0.0.1",)
    with running(halves_export.model, tmp_path, hosts, proxies=proxies) as client:
        client.delete("/v1/persons/x", headers={**TOLD, "Host": "people.example"})
    (line,) = (tmp_path / "service/audit.jsonl").read_text().splitlines()
    assert json.loads(line)["caller"] == "address:203.0.113.9"
