"""The texts of the progress lines, and the evaluations on the way."""

import pytest

from dimn_tf.training import hooks, loop


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"),
     (3600, "1 h 0 min"), (90_061, "25 h 1 min")],
)  # fmt: skip
def test_durations_read_naturally(seconds, text):
    assert hooks.duration(seconds) == text


def test_progress_gives_rate_time_left_and_means(monkeypatch):
    clock = iter([0.0, 5.0, 7.0, 25.0])
    monkeypatch.setattr(hooks.time, "monotonic", lambda: next(clock))
    lines = []
    progress = hooks.Progress(40, images_per_step=8, seconds=10, log=lines.append)
    progress.begin(0)
    progress.look(loop.Look(1, 1, {"loss": 9.0}, 5.0, is_first=True))
    progress.look(loop.Look(5, 4, {"loss": 2.0}, 2.0))  # Too early for a line.
    progress.look(loop.Look(21, 16, {"loss": 7.0}, 18.0))
    assert lines[0] == "first step (with compilation) 5.0 s"
    assert lines[1] == "step 1/40 (2%), measuring the rate: loss 9.000"
    # 20 steps in the 20 s after the first; the loss is (4 * 2 + 16 * 7) / 20.
    assert lines[2:] == ["step 21/40 (52%), 8 images/s, 19 s left: loss 6.000"]


def test_evaluations_come_at_multiples_and_owed_ones_first():
    steps = []
    hook = hooks.Evaluate(steps.append, lambda step: False, 4, train_steps=12)
    hook.begin(8)
    for step in (9, 11, 12):
        hook.look(loop.Look(step, 1, {}, 1.0))
    assert steps == [8]


def test_progress_ends_with_a_line_and_shows_means_since_the_last(monkeypatch):
    clock = iter([0.0, 1.0, 13.0, 14.0])
    monkeypatch.setattr(hooks.time, "monotonic", lambda: next(clock))
    lines = []
    progress = hooks.Progress(1_003, images_per_step=8, log=lines.append)
    progress.begin(1_000)
    progress.look(loop.Look(1_001, 1, {"loss": 9.0}, 1.0, is_first=True))
    progress.look(loop.Look(1_002, 1, {"loss": 2.0, "accuracy": 0.5}, 12.0))
    # A second after the last line, but at the end.
    end = loop.Look(1_003, 1, {"loss": 4.0, "accuracy": 0.25}, 1.0, is_last=True)
    progress.look(end)
    assert lines[2:] == [
        "step 1,002/1,003 (100%), 1 images/s, 12 s left: loss 2.000, accuracy 0.500",
        "step 1,003/1,003 (100%), 1 images/s, 0 s left: loss 4.000, accuracy 0.250",
    ]


def test_lines_come_every_ten_seconds_on_the_terminal(monkeypatch, capsys):
    clock = iter([0.0, 5.0, 14.9, 15.0])
    monkeypatch.setattr(hooks.time, "monotonic", lambda: next(clock))
    progress = hooks.Progress(40, images_per_step=8)
    progress.begin(0)
    progress.look(loop.Look(1, 1, {"loss": 9.0}, 5.0, is_first=True))
    progress.look(loop.Look(2, 1, {"loss": 9.0}, 9.9))
    assert len(capsys.readouterr().out.splitlines()) == 2
    progress.look(loop.Look(3, 1, {"loss": 9.0}, 0.1))
    # Two steps in the ten seconds after the first.
    expected = "step 3/40 (8%), 2 images/s, 3 min 5 s left: loss 9.000\n"
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("begun", "there", "expected"),
    [
        (0, False, [4, 8]),
        (4, False, [4, 8]),
        (4, True, [8]),
        (5, False, [8]),
        (12, False, []),
    ],
)
def test_each_evaluation_on_the_way_is_made_once(begun, there, expected):
    steps = []
    hook = hooks.Evaluate(steps.append, lambda step: there, 4, train_steps=12)
    assert hook.every == 4
    hook.begin(begun)
    for step in range(begun + 1, 13):
        hook.look(loop.Look(step, 1, {}, 1.0))
    assert steps == expected
