"""The training log, and the curves that are drawn of it."""

import math

import pytest

from dimn_tf import errors
from dimn_tf.training import loop, loss_curves, training_log


def _log(folder, every=2):
    return training_log.TrainingLog(
        folder / "log.csv", folder / "tensorboard", every, 10, lambda: 0.25
    )


def test_a_row_is_the_mean_of_its_steps_and_leaves_compilation_out(tmp_path):
    log = _log(tmp_path)
    log.begin(0)
    log.look(loop.Look(1, 1, {"loss": 1.0}, 60.0, is_first=True))
    log.look(loop.Look(2, 1, {"loss": 4.0}, 0.5))
    log.look(loop.Look(4, 2, {"loss": 8.0}, 2.0, is_last=True))
    first, second = training_log.read(tmp_path / "log.csv")
    assert first == {
        "step": 2, "learning_rate": 0.25, "images_per_second": 20.0, "loss": 2.5
    }  # fmt: skip
    assert second["images_per_second"] == 10.0 and second["loss"] == 8.0


def test_rows_that_will_be_done_again_are_dropped(tmp_path):
    log = _log(tmp_path, every=1)
    log.begin(0)
    for step in (1, 2, 3):
        log.look(loop.Look(step, 1, {"loss": 1.0 * step}, 1.0))
    again = _log(tmp_path, every=1)
    again.begin(2)
    again.look(loop.Look(3, 1, {"loss": 9.0}, 1.0))
    rows = training_log.read(tmp_path / "log.csv")
    assert [(row["step"], row["loss"]) for row in rows] == [(1, 1), (2, 2), (3, 9)]


def test_a_first_row_of_the_compilation_alone_has_no_rate(tmp_path):
    log = _log(tmp_path, every=1)
    log.begin(0)
    log.look(loop.Look(1, 1, {"loss": 1.0}, 60.0, is_first=True))
    (row,) = training_log.read(tmp_path / "log.csv")
    assert math.isnan(row["images_per_second"])


def test_a_last_row_cut_short_is_left_out(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("step,loss,accuracy\n2,0.5,0.1\n4,0.25\n")
    assert training_log.read(log) == [{"step": 2.0, "loss": 0.5, "accuracy": 0.1}]
    assert training_log.read(tmp_path / "absent.csv") == []


def test_curves_are_drawn_of_rows_only(tmp_path):
    log, picture = tmp_path / "log.csv", tmp_path / "curves.png"
    loss_curves.plot(log, picture)
    assert not picture.exists()
    log.write_text(
        "step,learning_rate,images_per_second,loss,matching_accuracy\n"
        "2,0.1,9,0.5,0.1\n4,0.05,9,0.25,0.2\n"
    )
    loss_curves.plot(log, picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []


def test_a_last_number_cut_short_is_left_out(tmp_path):
    """`0.25` of `0.251` is a number too: only the line's end tells that it is whole."""
    log = tmp_path / "log.csv"
    log.write_text("step,loss\n2,0.5\n4,0.25")
    assert training_log.read(log) == [{"step": 2.0, "loss": 0.5}]


@pytest.mark.parametrize(
    "content",
    [
        b"step,loss\n2,high\n",
        b"time,loss\n2,0.5\n",
        b"step,loss\n2,\xff\n",
        b"step,loss\n2," + b"1" * 200_000 + b"\n",
        b"PK\x03\x04\0\0\n\0,1\n",
    ],
)
def test_what_is_no_log_is_named(tmp_path, content):
    log = tmp_path / "training_log.csv"
    log.write_bytes(content)
    with pytest.raises(errors.UserError, match="training_log.csv: no training log"):
        training_log.read(log)
    assert log.read_bytes() == content


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_lines_end_anyhow(tmp_path, encoding):
    log = tmp_path / "log.csv"
    log.write_bytes("step,loss\r\n2,0.5\r\n".encode(encoding))
    assert training_log.read(log) == [{"step": 2.0, "loss": 0.5}]
