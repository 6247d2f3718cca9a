"""What is done against copies that removals left: how often, of how large files."""

import asyncio
import errno
import pathlib
import time

import pytest

from dimn_tf import errors
from dimn_tf.gallery import gaps
from dimn_tf.service import clearing, keepers, people
from tests.dimn_tf.service.running import running

SMALL, ALL = gaps.AT_ONCE, clearing.MOST_BYTES


class _Swept:
    """A service's sweeps: what they clear, and what they say."""

    def __init__(self, clock, turn):
        self.clock, self.said, self._answer = clock, [], True
        place = "milvus:m.db#people", pathlib.Path("/kept here")
        self._clearing = clearing.Clearing(turn, self._clear, place, self.said.append)

    async def _clear(self, most):
        self._asked.append(most)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def sweep(self, after, answer=True):
        """Bytes of files that it cleared, at most."""
        self.clock[0] += after
        self._asked, self._answer = [], answer
        asyncio.run(self._clearing.clear())
        (most,) = self._asked
        return most


@pytest.fixture
def clock(monkeypatch):
    """Seconds."""
    now = [50.0]
    monkeypatch.setattr(clearing.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def alone(clock):
    """A service that keeps its gallery itself."""
    return _Swept(clock, keepers.LocalKeeper().turn)


def test_small_files_are_cleared_each_time_and_others_once_a_day(alone):
    assert SMALL < ALL
    found = [alone.sweep(after) for after in (0, 3600, 82_799, 1, 3600)]
    assert found == [ALL, SMALL, SMALL, ALL, SMALL]
    assert alone.sweep(3600, False) == SMALL and not alone.said  # One that waits.


def test_of_replicas_one_clears_large_files_and_others_when_a_day_has_passed(clock):
    taken = {}

    async def turn(what, seconds):  # As `ray_keeper.Actor` gives it.
        if clock[0] - taken.get(what, -1e9) < seconds:
            return False
        taken[what] = clock[0]
        return True

    replicas = [_Swept(clock, turn) for _ in range(3)]
    found = [replica.sweep(1800) for _ in range(16) for replica in replicas]
    assert found == [ALL, *[SMALL] * 47]
    clock[0] += 1800
    assert [replica.sweep(0) for replica in replicas[::-1]] == [ALL, SMALL, SMALL]
    # Whose clearing failed has the turn still.
    clock[0] += 86_400
    assert replicas[0].sweep(0, OSError(errno.EIO, "failed")) == ALL
    assert [replica.sweep(3600) for replica in replicas] == [ALL, SMALL, SMALL]


@pytest.mark.parametrize(
    "failure",
    [
        errors.UserError("gallery.sqlite: the disk is full"),
        OSError(errno.EIO, "the disk failed", "gallery.sqlite"),
    ],
)
def test_a_failure_is_told_fails_no_sweep_and_is_tried_again(alone, failure):
    assert alone.sweep(0, failure) == ALL
    assert alone.said == [f"copies of what was removed may be left: {failure}"]
    # A file too large for a service at work.
    assert alone.sweep(3600, False) == ALL
    assert alone.said[-1].endswith(
        "run `python -m experiments.enroll --clear_gaps "
        "--gallery='milvus:m.db#people' --state='/kept here'`"
    )
    assert alone.sweep(3600) == SMALL


def test_a_service_clears_all_but_very_large_files_when_it_starts(
    halves_export, tmp_path, monkeypatch
):
    asked, plain = [], people.People.clear_gaps

    def clear_gaps(self, at_most):
        asked.append(at_most)
        return plain(self, at_most)

    monkeypatch.setattr(people.People, "clear_gaps", clear_gaps)
    with running(halves_export.model, tmp_path):
        end = time.monotonic() + 30
        while not asked:
            assert time.monotonic() < end
            time.sleep(0.01)
    assert asked == [ALL]
