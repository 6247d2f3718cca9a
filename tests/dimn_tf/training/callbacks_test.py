"""The training log and the texts of the progress lines."""

import math

import pytest

from dimn_tf.training import callbacks, loss_curves


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"),
     (3600, "1 h 0 min"), (90_061, "25 h 1 min")],
)  # fmt: skip
def test_durations_read_naturally(seconds, text):
    assert callbacks.duration(seconds) == text


def test_averages_are_means_since_the_last_take():
    averages = callbacks.Averages()
    averages.begin()
    averages.add({"loss": 1.0}, timed=False)  # The compilation.
    assert math.isnan(averages.take()[1])
    averages.begin()
    averages.add({"loss": 1.0})
    averages.begin()
    averages.add({"loss": 4.0})
    means, pace = averages.take()
    assert means == {"loss": 2.5} and 0 <= pace < 1
    averages.begin()
    averages.add({"loss": 8.0})
    assert averages.take()[0] == {"loss": 8.0}


def test_a_last_row_cut_short_is_left_out(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("step,loss,accuracy\n2,0.5,0.1\n4,0.25")
    assert callbacks.read_training_log(log) == [
        {"step": 2.0, "loss": 0.5, "accuracy": 0.1}
    ]
    assert callbacks.read_training_log(tmp_path / "absent.csv") == []


def test_curves_are_drawn_of_rows_only(tmp_path):
    log, picture = tmp_path / "log.csv", tmp_path / "curves.png"
    loss_curves.draw(log, picture)
    assert not picture.exists()
    log.write_text(
        "step,learning_rate,images_per_second,loss,matching_accuracy\n"
        "2,0.1,9,0.5,0.1\n4,0.05,9,0.25,0.2\n"
    )
    loss_curves.draw(log, picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []
