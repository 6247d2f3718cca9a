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
