"""Facts of entries against the filters themselves, entry by entry."""

import datetime

import numpy as np
import pytest

from dimn_tf.gallery import Filter, facts

START = datetime.datetime(2026, 11, 29, tzinfo=datetime.UTC)
CAMERAS = ("door", "hall", None, "", 7, ["door"])


def _time(rng):
    """A time as metadata hold it: of any zone, or none, or no time."""
    zone = datetime.timezone(datetime.timedelta(hours=int(rng.integers(-9, 9))))
    time = START + datetime.timedelta(seconds=int(rng.integers(0, 50)))
    return rng.choice(
        [
            time.isoformat(),
            time.astimezone(zone).isoformat(),
            time.replace(tzinfo=None, microsecond=1).isoformat(),
            "9999-12-31T23:59:59-09:00",
            "0001-01-01T00:00:00+09:00",
            "late",
        ]
    )


def _made(count, seed=0):
    rng = np.random.default_rng(seed)
    made = []
    for number in np.cumsum(rng.integers(1, 4, count)).tolist():
        metadata = {
            key: str(_time(rng))
            for key in ("seen_at", "enrolled_at")
            if rng.random() < 0.6
        }
        if rng.random() < 0.8:
            metadata["camera_id"] = CAMERAS[rng.integers(len(CAMERAS))]
        person = None if rng.random() < 0.2 else f"p{rng.integers(9)}"
        made.append((number, person, metadata))
    return made


WANTED = [
    Filter(),
    Filter(frozenset({"door"})),
    Filter(frozenset({"hall", "", "nowhere"})),
    Filter(since=START + datetime.timedelta(seconds=20)),
    Filter(until=START + datetime.timedelta(seconds=20)),
    Filter(
        frozenset({"door"}),
        START + datetime.timedelta(seconds=10),
        START + datetime.timedelta(seconds=40),
    ),
    Filter(until=datetime.datetime.max),
    Filter(since=datetime.datetime.min),
]


def _check(held, made):
    assert len(held) == len(made)
    for wanted in WANTED:
        expected = [wanted.takes(metadata) for _, _, metadata in made]
        assert held.taken(wanted).tolist() == expected
    numbers = np.array([number for number, _, _ in made], np.int64)
    codes = held.persons(numbers)
    for code, (_, person, _) in zip(codes, made, strict=True):
        same = [p == person and p is not None for _, p, _ in made]
        assert (codes == code).sum() == (sum(same) or 1)
    some = codes[::5]
    assert held.of_others(some).tolist() == [code not in some for code in codes]


@pytest.mark.parametrize("block", [1, 7, 400])
def test_what_a_filter_takes_is_what_it_takes_one_by_one(block):
    made, held = _made(400), facts.Facts()
    for start in range(0, len(made), block):
        held.add(made[start : start + block])
    _check(held, made)
    gone = {number for number, _, _ in made[::3]}
    held.remove([*gone, 10_000])
    kept = [row for row in made if row[0] not in gone]
    _check(held, kept)
    held.remove([row[0] for row in kept])
    assert len(held) == 0 and held.taken(WANTED[1]).tolist() == []


def test_they_grow_and_take_24_bytes_each():
    made, held = [(number, "anna", {}) for number in range(1, 5_001)], facts.Facts()
    for row in made:
        held.add([row])
    assert len(held) == 5_000 and held.taken(Filter()).all()
    assert facts._ROW.itemsize == 24 and len(held._rows) < 2 * len(made)
    assert held.persons(np.array([1, 5_000])).tolist() == [0, 0]


def test_names_that_nobody_has_any_more_are_forgotten(monkeypatch):
    monkeypatch.setattr(facts, "_FIRST_ROWS", 4)
    held, last = facts.Facts(), 0
    for number in range(1, 200):  # As with --keep_days: the newest three stay.
        held.add([(number, f"p{number}", {"camera_id": f"c{number}"})])
        if number > 3:
            held.remove([number - 3])
        last = max(last, len(held._names["person"]), len(held._names["camera"]))
        taken = held.taken(Filter(frozenset({f"c{number}"})))
        assert taken.tolist() == [False] * (len(held) - 1) + [True]
        assert len(set(held.persons(np.arange(max(1, number - 2), number + 1)))) == len(
            held
        )
    assert last < 20
