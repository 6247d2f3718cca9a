"""Wrong tokens: counted wherever they may be tried, and in no neighbour's way."""

import pytest

from dimn_tf.service import access, guesses, problems
from tests.dimn_tf.service.running import running

TOKEN = "t" * 20
RIGHT = {"Authorization": f"Bearer {TOKEN}"}
WRONG = {"Authorization": "Bearer " + "w" * 20}


def _made(per_minute=3):
    return guesses.Guesses(access.Access({"anna": TOKEN}).name_of, per_minute)


def _outcome(made, token, address="192.0.2.1", now=0.0):
    try:
        return made.name_of(token, address, now)
    except problems.Problem as problem:
        assert problem.status == 429 and problem.detail.endswith("in a minute")
        return int(problem.headers["Retry-After"])


def test_the_right_one_is_not_told_while_too_many_were_wrong():
    made = _made()
    assert [_outcome(made, "wrong") for _ in range(5)] == [None] * 3 + [20] * 2
    assert _outcome(made, TOKEN) == 20
    assert _outcome(made, "") is None  # None at all is no guess.
    assert _outcome(made, TOKEN, "192.0.2.2") == "anna"  # From elsewhere.
    assert (
        _outcome(made, TOKEN, now=20.0) == "anna"
    )  # Nor does it take from the bucket.
    assert _outcome(made, "wrong", now=20.0) is None
    assert _outcome(made, "wrong", now=20.0) == 20


def test_a_neighbour_locks_nobody_out_who_was_let_in_there_within_a_day():
    made = _made()
    assert _outcome(made, TOKEN, now=0.0) == "anna"
    day = 86_400.0
    for now in (day - 1, 2 * day - 2):  # Each time counts anew.
        assert [_outcome(made, "wrong", now=now) for _ in range(4)][-1] == 20
        assert _outcome(made, TOKEN, now=now) == "anna"
    late = 3 * day
    assert [_outcome(made, "wrong", now=late) for _ in range(4)][-1] == 20
    assert _outcome(made, TOKEN, now=late) == 20


def test_only_so_many_are_remembered(monkeypatch):
    monkeypatch.setattr(guesses, "_REMEMBERED", 2)
    made = _made()
    for i in range(4):
        assert _outcome(made, TOKEN, f"192.0.2.{i}") == "anna"
    assert [place for place, _ in made._let_in] == ["192.0.2.2", "192.0.2.3"]


def test_no_number_is_none_of_wrong_tokens_either_and_large_ones_are_less():
    made = _made(0)
    assert {_outcome(made, "wrong") for _ in range(100)} == {None}
    made = _made(600)
    found = [_outcome(made, "wrong") for _ in range(guesses.MOST + 1)]
    assert found == [None] * guesses.MOST + [1]


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_a_network_of_ipv6_is_one_place(address, place):
    assert guesses.place_of(address) == place


TRIES = {
    "an operation": lambda client, token: client.get(
        "/v1/entries", headers={"Authorization": f"Bearer {token}"}
    ),
    "what is not counted": lambda client, token: client.get(
        "/readyz", headers={"Authorization": f"Bearer {token}"}
    ),
    "a cookie": lambda client, token: client.get(
        "/", headers={"Cookie": f"{access.COOKIE}={token}"}
    ),
    "a login": lambda client, token: client.post("/login", data={"token": token}),
}


@pytest.mark.parametrize("way", TRIES)
def test_no_way_to_try_tokens_tells_the_right_one(halves_export, tmp_path, way):
    """Neither by operations nor by what needs no token."""
    allowed = access.Access({"anna": TOKEN})
    with running(
        halves_export.model, tmp_path, allowed, requests_per_minute=20
    ) as client:
        for i in range(25):
            refused = TRIES[way](client, f"{i:020}")
        assert refused.status_code == 429 and int(refused.headers["Retry-After"]) > 0
        assert TRIES[way](client, TOKEN).status_code == 429
        for other in TRIES.values():
            assert other(client, TOKEN).status_code == 429
        assert client.get("/healthz").status_code == 200


def test_who_was_let_in_before_goes_on(halves_export, tmp_path):
    allowed = access.Access({"anna": TOKEN, "bo": "b" * 20})
    with running(
        halves_export.model, tmp_path, allowed, requests_per_minute=20
    ) as client:
        assert client.get("/v1/entries", headers=RIGHT).status_code == 200
        statuses = [client.get("/readyz", headers=WRONG).status_code for _ in range(30)]
        assert 429 in statuses
        assert client.get("/v1/entries", headers=RIGHT).status_code == 200
        late = {"Authorization": "Bearer " + "b" * 20}
        assert client.get("/readyz", headers=late).status_code == 429
