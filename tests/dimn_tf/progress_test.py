"""Tests of the one way in which long work tells how far it is."""

import io

import pytest

from dimn_tf import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock, in seconds, that stands still unless a test moves it."""
    now = [1_000.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    return now


def _lines(total, clock=None, seconds=0.0, **given):
    """What is told of a loop each round of which takes so long."""
    lines = []
    for _ in progress.bar(range(total), label="set", log=lines.append, **given):
        if clock:
            clock[0] += seconds
    return lines


def test_a_line_at_intervals_and_one_at_the_end(clock):
    assert _lines(1_000, clock, 1 / 64, interval=6.25) == [
        "set: 400/1,000 images, 64/s, 0:09 left",
        "set: 800/1,000 images, 64/s, 0:03 left",
        "set: 1,000/1,000 images, 64/s, 0:00 left",
    ]


def test_work_of_less_than_two_seconds_shows_nothing(clock):
    assert _lines(3, clock, 0.6) == []
    (line,) = _lines(3, clock, 0.7, unit="trials")
    assert line.startswith("set: 3/3 trials, ")


def test_slow_work_tells_its_rate_in_tenths_and_its_hours(clock):
    first = _lines(10_000, clock, 2, interval=1)[0]
    assert first == "set: 1/10,000 images, 0.5/s, 5:33:18 left"


def test_nothing_is_told_of_nothing():
    assert _lines(0) == []


def test_counts_by_hand_without_a_total(clock):
    lines = []
    with progress.bar(label="read", unit="bytes", log=lines.append) as shown:
        clock[0] += 75
        shown.update(1_500)
    assert lines == ["read: 1,500 bytes, 20/s, 1:15"]


def test_work_that_fails_tells_how_far_it_came(clock):
    lines = []
    with pytest.raises(KeyError):
        with progress.bar(total=9, label="set", log=lines.append) as shown:
            shown.update(4)
            clock[0] += 2
            raise KeyError
    assert [line.split(",")[0] for line in lines] == ["set: 4/9 images"]


class _Stream(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.terminal, self.flushes = terminal, 0

    def isatty(self):
        return self.terminal

    def flush(self):
        self.flushes += 1


def test_without_a_terminal_lines_are_printed_and_flushed(monkeypatch):
    monkeypatch.setattr(progress, "_SHORT_SECONDS", 0)
    out, err = _Stream(False), _Stream(False)
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    list(progress.bar("abc", label="set"))
    assert out.getvalue().startswith("set: 3/3 images, ")
    assert out.getvalue().count("\n") == 1 and out.flushes
    assert err.getvalue() == ""
    list(progress.bar("abc", label="set", on_stderr=True))
    assert err.getvalue().count("\n") == 1 and out.getvalue().count("\n") == 1


def test_a_terminal_gets_a_bar_on_stderr(monkeypatch, capsys):
    err = _Stream(True)
    monkeypatch.setattr("sys.stderr", err)
    monkeypatch.setattr(progress, "_SHORT_SECONDS", 0)
    list(progress.bar("abc", label="set"))
    assert "set: 100%" in err.getvalue() and "3/3" in err.getvalue()
    assert capsys.readouterr().out == ""


def test_short_work_needs_no_bar_on_a_terminal(monkeypatch):
    err = _Stream(True)
    monkeypatch.setattr("sys.stderr", err)
    list(progress.bar("abc", label="set"))
    assert err.getvalue() == ""


def test_nothing_is_shown_where_none_is_wanted(capsys):
    shown = progress.bar("abc", label="set", show=False)
    assert list(shown) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("on_stderr", [False, True])
def test_a_process_without_outputs_counts_all_the_same(
    on_stderr, clock, monkeypatch, capsys
):
    """As `pythonw` and some services have none."""
    monkeypatch.setattr("sys.stderr", None)
    for _ in progress.bar(range(3), label="set", on_stderr=on_stderr):
        clock[0] += 9
    assert ("set: 3/3" in capsys.readouterr().out) is not on_stderr
    monkeypatch.setattr("sys.stdout", None)
    for show in (True, False):
        bar = progress.bar(range(3), label="set", on_stderr=on_stderr, show=show)
        for _ in bar:
            clock[0] += 9
        assert show is False or bar.n == 3
