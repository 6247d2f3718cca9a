"""The training log, and the curves that are drawn of it."""

import math

import matplotlib
import pytest
import tensorflow as tf
from matplotlib import pyplot

from dimn_tf import drawing, errors
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


def _events(folder):
    """(step, name, value) of all event files, in order."""
    return [
        (event.step, value.tag, float(tf.make_ndarray(value.tensor)))
        for path in sorted((folder / "tensorboard").iterdir())
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    ]


def test_tensorboard_shows_the_rows_of_the_table_once(tmp_path):
    log = _log(tmp_path, every=1)
    log.begin(0)
    log.look(loop.Look(1, 1, {"loss": 1.0}, 60.0, is_first=True))
    log.look(loop.Look(2, 1, {"loss": 2.0}, 0.5))
    log.look(loop.Look(3, 1, {"loss": 3.0}, 0.5))
    # Seen while the run goes on.
    assert {step for step, _, _ in _events(tmp_path)} == {1, 2, 3}
    again = _log(tmp_path, every=1)
    again.begin(2)
    again.look(loop.Look(3, 1, {"loss": 9.0}, 0.25, is_last=True))
    # Step 1 was compiled in: it has no rate.
    assert _events(tmp_path) == [
        (1, "learning_rate", 0.25), (1, "loss", 1.0),
        (2, "learning_rate", 0.25), (2, "images_per_second", 20.0), (2, "loss", 2.0),
        (3, "learning_rate", 0.25), (3, "images_per_second", 40.0), (3, "loss", 9.0),
    ]  # fmt: skip


def test_the_file_reads_as_if_it_had_never_been_interrupted(tmp_path):
    log = _log(tmp_path)
    log.begin(0)
    assert (tmp_path / "log.csv").read_text() == ""
    for step in range(1, 7):
        log.look(loop.Look(step, 1, {"loss": step / 3}, 0.5, is_first=step == 1))
    whole = (tmp_path / "log.csv").read_text()
    assert whole.splitlines()[:2] == [
        "step,learning_rate,images_per_second,loss",
        "2,0.25,20,0.5",
    ]
    assert whole.splitlines()[2] == "4,0.25,20,1.16667"
    _log(tmp_path).begin(4)
    kept = training_log.read(tmp_path / "log.csv")
    assert [row["step"] for row in kept] == [2, 4]
    again = _log(tmp_path)
    again.begin(4)
    for step in (5, 6):
        again.look(loop.Look(step, 1, {"loss": step / 3}, 0.5))
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert rows[0] == whole.splitlines()[0] and len(rows) == 4
    assert rows[3] == whole.splitlines()[3]


def test_a_look_between_two_rows_adds_none(tmp_path):
    log = _log(tmp_path, every=4)
    log.begin(0)
    log.look(loop.Look(3, 3, {"loss": 1.0}, 3.0))
    assert training_log.read(tmp_path / "log.csv") == []
    log.look(loop.Look(4, 1, {"loss": 5.0}, 1.0))
    (row,) = training_log.read(tmp_path / "log.csv")
    assert row["loss"] == 2.0 and row["images_per_second"] == 10.0


def test_a_row_cut_short_in_its_name_is_left_out(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("step,loss\n2,0.5\n4,0.25,7\n")
    assert training_log.read(log) == [{"step": 2.0, "loss": 0.5}]


def test_curves_show_each_column_in_its_place(tmp_path, monkeypatch):
    log, drawn = tmp_path / "log.csv", []
    log.write_text(
        "step,learning_rate,images_per_second,loss,matching_accuracy,logit_triplet\n"
        "2,0.1,9,0.5,0.1,3\n4,0.05,9,0.25,0.2,2\n"
    )
    monkeypatch.setattr(drawing, "save", lambda made, path: drawn.append(made))
    loss_curves.plot(log, tmp_path / "curves.png")
    (figure,) = drawn
    shown = {
        axis.get_title(): {
            line.get_label(): (line.get_xdata().tolist(), line.get_ydata().tolist())
            for line in axis.lines
        }
        for axis in figure.axes
    }
    steps = [2.0, 4.0]
    assert shown == {
        "loss (mean of an image)": {
            "loss": (steps, [0.5, 0.25]), "logit triplet": (steps, [3.0, 2.0])
        },
        "accuracy on the batch": {"matching accuracy": (steps, [0.1, 0.2])},
        "learning rate": {"learning rate": (steps, [0.1, 0.05])},
    }  # fmt: skip
    losses, accuracies, rate = figure.axes
    assert losses.get_ylim()[0] == 0 and accuracies.get_ylim() == (0, 1)
    assert rate.get_ylim()[0] > 0
    assert [axis.get_legend() is not None for axis in figure.axes] == [
        True, False, False
    ]  # fmt: skip
    assert {axis.get_xlabel() for axis in figure.axes} == {"step"}


def test_a_picture_opens_no_window_and_leaves_no_figure_open(tmp_path):
    before = pyplot.get_fignums(), matplotlib.get_backend()
    log = tmp_path / "log.csv"
    log.write_text("step,learning_rate,images_per_second,loss\n2,0.1,9,0.5\n")
    loss_curves.plot(log, tmp_path / "curves.png")
    assert (pyplot.get_fignums(), matplotlib.get_backend()) == before


def test_every_mean_has_six_digits(tmp_path):
    log = _log(tmp_path, every=1)
    log.begin(0)
    log.look(loop.Look(12_345_678, 1, {"accuracy": 1 / 3, "triplet": 2 / 3}, 0.5))
    (_, row) = (tmp_path / "log.csv").read_text().splitlines()
    assert row == "12345678,0.25,20,0.333333,0.666667"


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
