"""Tests of progress lines."""

from data_builders.progress import Progress


def _run(total, times, interval):
    """Lines of a run whose clock reads the given seconds."""
    lines = []
    clock = iter(times)
    progress = Progress("set", total, lines.append, interval, lambda: next(clock))
    for _ in range(total):
        progress.step()
    return lines


def test_rate_and_time_left():
    # After 2 s 1 of 100 images is done: 0.5/s, and 99 more take 198 s.
    lines = _run(100, range(0, 202, 2), interval=1)
    assert lines[0] == "set: 1/100 images, 0/s, 3:18 left"
    assert lines[49] == "set: 50/100 images, 0/s, 1:40 left"
    assert lines[-1] == "set: 100/100 images, 0/s, 0:00 left"


def test_lines_come_at_intervals_and_at_the_end():
    lines = _run(1_000, (i / 100 for i in range(1_001)), interval=4)
    assert lines == [
        "set: 400/1,000 images, 100/s, 0:06 left",
        "set: 800/1,000 images, 100/s, 0:02 left",
        "set: 1,000/1,000 images, 100/s, 0:00 left",
    ]
