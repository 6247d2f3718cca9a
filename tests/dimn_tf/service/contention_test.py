"""Callers who change the same entries at once: what they hear has some order.

A history is allowed where its acts, each at one moment between its call and its answer,
give these answers in some order (it is linearizable): so nothing is half there, and no
search that begins after a removal's answer names what was removed.
"""

import concurrent.futures
import dataclasses
import itertools
import random
import threading
import time
from typing import Any

import pytest

from data_builders import dummy_images
from dimn_tf import images
from tests.dimn_tf.service.running import running

CONTENTS = [images.encode_png(dummy_images.pixels(i, 40, 20)) for i in range(2)]
PERSONS = "anna", "bo"
ROUNDS, CALLERS, ACTS = 25, 4, 3


@dataclasses.dataclass(frozen=True)
class Act:
    """What a caller asked for, when, and what was answered."""

    kind: str
    given: tuple
    answer: Any
    begun: float
    ended: float


def _expected(state, kind, given):
    """The answer that a gallery in a state gives, and its next state.

    A state is (entry, person) for each entry, in the entries' order.
    """
    there = dict(state)
    if kind == "enrol":
        entry, person, replace = given
        if entry not in there:
            answer = 201
        elif there[entry] == person or replace:
            answer = 200
        else:
            return 409, state
        there[entry] = person
    elif kind == "relabel":
        entry, person = given
        if entry not in there:
            return None, state
        answer = there[entry] = person
    elif kind == "remove":
        answer = there.pop(given[0], None) is not None
    elif kind == "remove_person":
        answer = frozenset(e for e, person in state if person == given[0])
        there = {e: person for e, person in state if e not in answer}
    elif kind == "picture":
        answer = given[0] in there
    else:  # It reads them all: "search" or "list".
        answer = state
    return answer, tuple(sorted(there.items()))


def _allowed(before, acts):
    """The states in which a history can end; empty: it is not allowed."""
    ends, seen = set(), set()
    paths = [(before, frozenset(range(len(acts))))]
    while paths:
        state, left = paths.pop()
        if (state, left) in seen:
            continue
        seen.add((state, left))
        if not left:
            ends.add(state)
            continue
        first_ended = min(acts[i].ended for i in left)
        for i in left:
            if acts[i].begun > first_ended:
                continue  # Another was answered before this one was asked for.
            answer, after = _expected(state, acts[i].kind, acts[i].given)
            if answer == acts[i].answer:
                paths.append((after, left - {i}))
    return ends


def _ask(client, kind, given):
    """Does an act, and gives its answer in the words of `_expected`."""
    if kind == "enrol":
        entry, person, replace = given
        answer = client.post(
            "/v1/entries",
            files={"image": ("x", CONTENTS[ENTRIES.index(entry)])},
            data={"person_id": person, "replace": replace},
        )
        assert answer.json()["id"] == entry
        return answer.status_code
    if kind == "relabel":
        answer = client.patch(f"/v1/entries/{given[0]}", data={"person_id": given[1]})
        assert answer.status_code in (200, 404), answer.text
        return answer.json()["person_id"] if answer.status_code == 200 else None
    if kind == "remove":
        answer = client.delete(f"/v1/entries/{given[0]}")
        assert answer.status_code in (200, 404), answer.text
        return answer.status_code == 200
    if kind == "remove_person":
        answer = client.delete(f"/v1/persons/{given[0]}")
        assert answer.status_code in (200, 404), answer.text
        return frozenset(answer.json().get("removed", ()))
    if kind == "picture":
        answer = client.get(f"/v1/pictures/{given[0]}")
        assert answer.status_code in (200, 404), answer.text
        return answer.status_code == 200
    if kind == "search":
        answer = client.post(
            "/v1/search",
            files={"image": ("x", CONTENTS[0])},
            data={"one_per_person": False},
        )
        found = answer.json()["probes"][0]["hits"]
        assert all(hit["score"] == hit["score"] for hit in found)
    else:
        found = client.get("/v1/entries").json()["entries"]
    return tuple(sorted((entry["id"], entry["person_id"]) for entry in found))


def _drawn(draw):
    """An act, most of them on the first entry."""
    entry, person = ENTRIES[draw.random() < 0.25], draw.choice(PERSONS)
    return draw.choice(
        [
            ("enrol", (entry, person, False)),
            ("enrol", (entry, person, True)),
            ("relabel", (entry, person)),
            ("remove", (entry,)),
            ("remove", (entry,)),
            ("remove_person", (person,)),
            ("picture", (entry,)),
            ("search", ()),
            ("list", ()),
        ]
    )


def _at_once(client, of_callers):
    """What callers, each with acts one after the other, are answered at once."""
    together = threading.Barrier(len(of_callers))

    def work(acts):
        together.wait()
        done = []
        for kind, given in acts:
            begun = time.monotonic()
            answer = _ask(client, kind, given)
            done.append(Act(kind, given, answer, begun, time.monotonic()))
        return done

    with concurrent.futures.ThreadPoolExecutor(len(of_callers)) as pool:
        return list(itertools.chain(*pool.map(work, of_callers)))


def _settled(client, before, acts):
    """The gallery when all are done: one of the states in which they can end."""
    ends = _allowed(before, acts)
    assert ends, f"from {before}, no order gives {acts}"
    state = _ask(client, "list", ())
    assert state in ends, f"from {before}, none of {ends} but {state} after {acts}"
    assert _ask(client, "search", ()) == state
    for entry in ENTRIES:  # Nor is an entry or a picture half there.
        assert _ask(client, "picture", (entry,)) == (entry in dict(state))
    return state


ENTRIES: list[str] = []


@pytest.fixture
def client(halves_export, tmp_path):
    """A service that has nobody, and whose entries' ids are known."""
    with running(halves_export.model, tmp_path, requests_per_minute=0) as made:
        ENTRIES[:] = [
            made.post("/v1/entries", files={"image": ("x", content)}).json()["id"]
            for content in CONTENTS
        ]
        for entry in ENTRIES:
            made.delete(f"/v1/entries/{entry}")
        yield made


def test_whatever_callers_do_at_once_has_an_order(client):
    draw, state, seen = random.Random(0), (), set()
    for _ in range(ROUNDS):
        wanted = [[_drawn(draw) for _ in range(ACTS)] for _ in range(CALLERS)]
        acts = _at_once(client, wanted)
        seen |= {(act.kind, act.answer) for act in acts if act.kind == "enrol"}
        state = _settled(client, state, acts)
    assert {answer for _, answer in seen} == {200, 201, 409}


@pytest.mark.parametrize(
    "wanted",
    [
        ["enrol anna", "enrol bo"],
        ["enrol anna", "enrol bo", "enrol anna", "enrol bo"],
        ["replace anna", "replace bo", "list", "search"],
        ["remove", "enrol anna", "enrol bo", "picture"],
        ["remove_person anna", "replace bo", "relabel anna", "search"],
        ["relabel bo", "search", "relabel anna", "search", "remove"],
    ],
)
def test_callers_who_want_one_entry(client, wanted):
    entry, state = ENTRIES[0], ()
    kinds = {
        "enrol": lambda person: ("enrol", (entry, person, False)),
        "replace": lambda person: ("enrol", (entry, person, True)),
        "relabel": lambda person: ("relabel", (entry, person)),
        "remove": lambda _: ("remove", (entry,)),
        "remove_person": lambda person: ("remove_person", (person,)),
        "picture": lambda _: ("picture", (entry,)),
        "search": lambda _: ("search", ()),
        "list": lambda _: ("list", ()),
    }
    acts = [kinds[kind](person) for kind, _, person in map(_parts, wanted)]
    for turn in range(8):
        start = (
            [("enrol", (entry, "anna", True))] if turn % 2 else [("remove", (entry,))]
        )
        state = _settled(client, state, _at_once(client, [start]))
        done = _at_once(client, [[act] for act in acts])
        state = _settled(client, state, done)
        if wanted == ["enrol anna", "enrol bo"] and not turn % 2:
            assert sorted(act.answer for act in done) == [201, 409]


def _parts(text):
    return text.partition(" ")


def test_what_is_not_allowed_is_seen():
    """The check itself: without this, it might allow anything."""
    anna, bo = (("e", "anna"),), (("e", "bo"),)

    def acts(*rows):
        return [Act(*row) for row in rows]

    both = acts(
        ("enrol", ("e", "anna", False), 201, 0, 2),
        ("enrol", ("e", "bo", False), 201, 1, 3),
    )
    assert not _allowed((), both)
    one = [both[0], dataclasses.replace(both[1], answer=409)]
    assert _allowed((), one) == {anna}
    late = acts(("remove", ("e",), True, 0, 1), ("search", (), anna, 2, 3))
    assert not _allowed(anna, late)
    assert _allowed(anna, [late[0], dataclasses.replace(late[1], begun=0.5)]) == {()}
    replaced = acts(
        ("enrol", ("e", "anna", True), 200, 0, 2),
        ("enrol", ("e", "bo", True), 200, 1, 3),
    )
    assert _allowed(anna, replaced) == {anna, bo}
    assert not _allowed(anna, acts(("picture", ("e",), False, 0, 1)))
    assert not _allowed(anna, acts(("relabel", ("e", "bo"), None, 0, 1)))
    assert _allowed(anna, acts(("remove_person", ("bo",), frozenset(), 0, 1))) == {anna}
