"""How often a caller may ask, by arithmetic."""

import pytest

from dimn_tf.service import problems, rates


def _refused(counter, caller, now):
    try:
        counter.count(caller, now)
    except problems.Problem as problem:
        assert problem.status == 429
        return int(problem.headers["Retry-After"])
    return 0


def test_a_minute_fills_the_bucket_and_each_request_takes_one():
    counter = rates.Rates(30)  # One every two seconds.
    assert [_refused(counter, "a", 0.0) for _ in range(32)] == [0] * 30 + [2, 2]
    assert _refused(counter, "a", 1.5) == 1
    assert _refused(counter, "a", 2.0) == 0 and _refused(counter, "a", 2.0) == 2
    assert _refused(counter, "b", 2.0) == 0  # Another caller's is full.
    assert [_refused(counter, "a", 500.0) for _ in range(31)] == [0] * 30 + [2]


def test_none_is_refused_where_any_number_is_allowed():
    counter = rates.Rates(0)
    for _ in range(1000):
        counter.count("a", 0.0)


def test_only_so_many_callers_are_remembered(monkeypatch):
    monkeypatch.setattr(rates, "_CALLERS", 2)
    counter = rates.Rates(1)
    for caller in ("a", "b", "c"):
        counter.count(caller, 0.0)
    with pytest.raises(problems.Problem):
        counter.count("c", 0.0)
    counter.count("a", 0.0)  # Forgotten, so its bucket is a new one.
    assert len(counter._left) == 2
