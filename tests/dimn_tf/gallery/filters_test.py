"""Which entries a filter takes, by their metadata."""

import datetime

import pytest

from dimn_tf.gallery import Filter, filters

NOON = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
EARLY = "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"seen_at": "2026-11-29T12:00:00+00:00"}, True),
        ({"seen_at": "2026-11-29T12:00:00"}, True),
        ({"seen_at": "2026-11-29T13:30:00+01:00"}, True),
        ({"seen_at": "2026-11-29T13:00:00+00:00"}, False),  # `until` is not in it.
        ({"seen_at": "2026-11-29T11:59:59+00:00"}, False),
        ({"enrolled_at": "2026-11-29T12:30:00+00:00"}, True),
        ({"seen_at": EARLY, "enrolled_at": "2026-11-29T12:30:00+00:00"}, False),
        ({"seen_at": "odd", "enrolled_at": "2026-11-29T12:30:00+00:00"}, True),
        ({}, False),
        ({"seen_at": "noon"}, False),
        ({"seen_at": 7}, False),
    ],
)
def test_times_by_the_camera_or_else_by_the_enrolment(metadata, expected):
    for until in (NOON + HOUR, (NOON + HOUR).replace(tzinfo=None)):  # Which is UTC.
        assert Filter(since=NOON, until=until).takes(metadata) is expected
    assert Filter().takes(metadata)


def test_one_end_of_a_time_is_enough():
    seen = {"seen_at": "2026-11-29T12:00:00+00:00"}
    assert Filter(since=NOON).takes(seen) and not Filter(until=NOON).takes(seen)
    assert not Filter(since=NOON + HOUR).takes(seen)
    assert Filter(until=NOON + HOUR).takes(seen)
    assert not Filter(since=NOON).takes({}) and not Filter(until=NOON).takes({})


def test_cameras_are_text():
    wanted = Filter(frozenset({"door", "7"}))
    assert wanted.takes({"camera_id": "door"}) and wanted.takes({"camera_id": "7"})
    for other in ("hall", "", None, 7, ["door"], {"door": 1}):
        assert not wanted.takes({"camera_id": other})
    assert not wanted.takes({})
    assert not Filter(wanted.cameras, since=NOON).takes({"camera_id": "door"})


def test_a_time_without_a_zone_is_utc():
    assert filters.parsed("2026-11-29T12:00:00") == NOON
    assert filters.parsed("2026-11-29T13:00:00+01:00") == NOON
    assert filters.parsed("12 o'clock") is filters.parsed(None) is None


def test_times_in_microseconds():
    assert filters.microseconds(NOON) == 1_795_953_600_000_000
    hour_east = NOON.astimezone(datetime.timezone(HOUR))
    assert filters.microseconds(hour_east) == filters.microseconds(NOON)
    earliest = datetime.datetime.min.replace(tzinfo=datetime.timezone(14 * HOUR))
    assert filters.microseconds(None) == filters.NEVER == -(2**63)
    assert filters.NEVER < filters.microseconds(earliest) < 0
