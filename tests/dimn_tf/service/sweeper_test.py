"""What removes the old: goes on after a failure, which is seen."""

import asyncio
import contextlib
import datetime
import os
import pathlib
import time
import types

import pytest

from dimn_tf import errors
from dimn_tf.service import (
    core,
    keepers,
    metrics,
    problems,
    sweeper,
)
from tests.dimn_tf.service.running import running


@pytest.fixture
def swept(monkeypatch):
    """A sweeper whose work is a list of what each turn comes to."""
    clock = [1000.0]
    monkeypatch.setattr(sweeper.time, "monotonic", lambda: clock[0])
    outcomes, said, turns = [], [], []

    async def remove():
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def turn(what, seconds):
        return turns.pop(0) if turns else True

    made = sweeper.Sweeper(turn, remove, metrics.Metrics(), said.append)

    def once(outcome, after=0.0, has_turn=True):
        clock[0] += after
        outcomes[:], turns[:] = [outcome], [has_turn]
        return asyncio.run(made._once())

    return made, once, said


def test_what_another_holds_is_tried_again_for_a_day(swept):
    made, once, said = swept
    busy = problems.Problem(503, "gallery", "held by another")
    assert once(0) == 3600 and not said and not made.overdue
    assert once(busy) == 60 and "held by another" in said[-1]
    assert once(busy, after=86_000) == 60 and not made.overdue
    assert once(OSError(28, "no space"), after=401) == 60 and made.overdue
    assert once(0, has_turn=False) == 60 and made.overdue
    assert once(1_234) == 3600 and not made.overdue
    assert said[-1] == "1,234 entries were older than --keep_days: removed"
    text = made._metrics.text()[0].decode()
    assert 'dimn_tf_sweeps_total{outcome="failed"} 3.0' in text
    assert 'dimn_tf_sweeps_total{outcome="done"} 2.0' in text


def test_a_defect_counts_at_once_and_is_mended_by_a_success(swept):
    made, once, said = swept
    assert once(OverflowError("date value out of range")) == 60
    assert made.overdue and "Traceback" in said[-1] and "OverflowError" in said[-1]
    assert once(0) == 3600 and not made.overdue


def test_a_service_that_cannot_remove_is_not_ready(
    halves_export, tmp_path, monkeypatch
):
    async def broken(self, now=None):
        raise ZeroDivisionError

    monkeypatch.setattr(core.Core, "remove_old", broken)
    said = []
    with running(
        halves_export.model, tmp_path, log=said.append, keep_days=1.0
    ) as client:
        end = time.monotonic() + 30
        while (answer := client.get("/readyz")).status_code == 200:
            assert time.monotonic() < end
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:dimn_tf:problem:sweeper"
        assert client.get("/healthz").status_code == 200
        assert "ZeroDivisionError" in said[0]
        assert "dimn_tf_sweeps_total" in client.get("/metrics").text


def test_each_service_cleans_for_itself_whoever_has_the_turn(swept):
    made, once, said = swept
    cleaned = []
    made._clean = lambda: cleaned.append(len(cleaned))
    assert once(0, has_turn=False) == 3600 and once(0) == 3600
    assert once(OSError(28, "no space")) == 60 and cleaned == [0, 1, 2]

    def fails():
        raise OSError(13, "no right to remove it")

    made._clean = fails
    done = made._metrics.text
    assert once(7) == 60 and "no right to remove it" in said[-1]
    assert once(0, after=90_000, has_turn=False) == 60 and made.overdue
    made._clean = lambda: None
    assert once(0) == 3600 and not made.overdue
    assert 'outcome="failed"} 3.0' in done()[0].decode()


class _NeverInTurn(keepers.LocalKeeper):
    """As a replica whose sweeps another one does."""

    async def turn(self, what, seconds):
        return False


@pytest.mark.parametrize("audit_log", [True, False])
def test_a_replica_without_the_turn_ends_and_removes_its_audit_log(
    halves_export, tmp_path, monkeypatch, audit_log
):
    folder = tmp_path / "service"
    folder.mkdir()
    old = folder / "audit-a-1.jsonl"
    old.write_text("a line\n")
    os.utime(old, (0, 0))
    own = folder / "audit.jsonl"
    own.write_text('{"time": "2026-01-01T00:00:00+00:00"}\n')
    monkeypatch.setattr(keepers, "LocalKeeper", _NeverInTurn)
    with running(
        halves_export.model, tmp_path, keep_days=30.0, audit_log=audit_log
    ) as client:
        end = time.monotonic() + 30
        while old.exists() and time.monotonic() < end:
            client.get("/healthz")
    assert not old.exists()
    assert own.read_text() == "" or not audit_log  # What was in use is ended.


def test_logs_of_replicas_go_with_what_is_too_old(halves_export, tmp_path):
    folder = tmp_path / "service"
    folder.mkdir()
    for name, days in (("log-a-1-20260101.txt", 40), ("log-a-2-20261101.txt", 1)):
        (folder / name).write_text("a line\n")
        then = time.time() - 86_400 * days
        os.utime(folder / name, (then, then))
    with running(halves_export.model, tmp_path, keep_days=30.0) as client:
        end = time.monotonic() + 30
        while len(list(folder.glob("log-*"))) > 1 and time.monotonic() < end:
            client.get("/healthz")
    assert [path.name for path in folder.glob("log-*")] == ["log-a-2-20261101.txt"]


@pytest.mark.parametrize("step", ["stat", "unlink"])
def test_a_log_that_another_replica_removes_meanwhile_ends_no_sweep(
    tmp_path, monkeypatch, step
):
    for name in ("log-a-1-20260101.txt", "log-b-1-20260101.txt"):
        (tmp_path / name).write_text("a line\n")
        os.utime(tmp_path / name, (0, 0))
    real = getattr(pathlib.Path, step)

    def late(self, *given, **named):
        with contextlib.suppress(FileNotFoundError):
            if self.name.startswith("log-"):
                os.unlink(self)
        return real(self, *given, **named)

    monkeypatch.setattr(pathlib.Path, step, late)
    held = types.SimpleNamespace(place=core.Place("g", tmp_path))
    now = datetime.datetime.now(datetime.UTC)
    core.Core._remove_older_logs(held, now)
    assert not list(tmp_path.glob("log-*"))


def test_whatever_fails_at_the_end_the_audit_log_is_closed():
    closed = []

    class Ending(core.Core):
        def __init__(self):
            async def stop():
                closed.append("encoding")

            async def refuse():
                raise errors.UserError("cannot be written to")

            self.encoding = types.SimpleNamespace(start=lambda: None, stop=stop)
            self._looking = None
            self.keeper = types.SimpleNamespace(close=refuse)
            self.audit = types.SimpleNamespace(close=lambda: closed.append("audit"))

        def open(self):
            pass

        async def _prepare(self):
            pass

        async def _keep_swept(self, prepared):
            pass

    async def work():
        async with Ending().running():
            pass

    with pytest.raises(errors.UserError, match="cannot be written to"):
        asyncio.run(work())
    assert closed == ["encoding", "audit"]


@pytest.fixture
def looking(monkeypatch):
    """A core that counts its looks at all that is kept, and a clock."""
    clock = [50.0]
    monkeypatch.setattr(core.time, "monotonic", lambda: clock[0])

    class Looking(core.Core):
        looks, failure = 0, None

        def __init__(self):
            self._looking, self._looked_at = None, -core.BETWEEN_LOOKS

        async def forget_gone(self):
            self.looks += 1
            for _ in range(5):
                await asyncio.sleep(0)
            if self.failure:
                raise self.failure

    return Looking(), clock


def test_ten_who_ask_for_whom_nobody_knows_cause_one_look(looking):
    made, clock = looking

    async def ten(at_once):
        asked = [made.look_for_gone() for _ in range(10)]
        if at_once:
            await asyncio.gather(*asked)
        else:
            for one in asked:
                await one

    for at_once in (True, False, False):
        asyncio.run(ten(at_once))
    assert made.looks == 1
    clock[0] += core.BETWEEN_LOOKS
    asyncio.run(ten(at_once=False))
    assert made.looks == 2


def test_a_look_that_failed_is_told_to_all_and_done_again(looking):
    made, _ = looking
    made.failure = problems.Problem(503, "gallery", "not now")

    async def ask():
        return await asyncio.gather(
            *(made.look_for_gone() for _ in range(3)), return_exceptions=True
        )

    assert asyncio.run(ask()) == [made.failure] * 3 and made.looks == 1
    made.failure = None
    assert asyncio.run(ask()) == [None] * 3 and made.looks == 2


def test_who_goes_away_ends_a_look_for_nobody_else(looking):
    made, _ = looking

    async def work():
        first, second = (asyncio.create_task(made.look_for_gone()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await second
        assert first.cancelled()

    asyncio.run(work())
    assert made.looks == 1


def test_ten_unknown_persons_make_one_sweep(halves_export, tmp_path, monkeypatch):
    looks, plain = [], core.Core.forget_gone

    async def counted(self):
        looks.append(1)
        await plain(self)

    monkeypatch.setattr(core.Core, "forget_gone", counted)
    with running(halves_export.model, tmp_path) as client:
        for i in range(10):
            assert client.delete(f"/v1/persons/x{i}").status_code == 404
    assert 1 <= len(looks) <= 2  # That of the start is the other.
