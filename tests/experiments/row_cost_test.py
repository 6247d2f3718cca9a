"""What is counted of a row's processes, those that nobody saw end among them."""

import json

import pytest

from dimn_tf import errors
from dimn_tf.training import recipe
from experiments import row_cost

OF_RUN = {"images_seen": 64}


def test_processes_add_up(tmp_path):
    path = tmp_path / "run" / "cost.json"
    for count, peak in ((1, 2**21), (2, 2**20), (3, 0)):
        begun = row_cost.begin(path)
        (path.parent / "lock").touch()  # As training begins.
        cost = row_cost.end(path, begun, 90.0, peak, OF_RUN)
        assert json.loads(path.read_text()) == cost
        assert cost == {
            "minutes": 1.5 * count,
            "processes": count,
            "processes_untimed": 0,
            "peak_memory_gib": pytest.approx(2 * 2**20 / row_cost._PEAK_UNIT),
            "images_seen": 64,
        }


def test_a_process_whose_parent_was_killed_is_counted_without_its_time(tmp_path):
    path = tmp_path / "run" / "cost.json"
    row_cost.begin(path)  # And no end of it.
    (path.parent / "lock").touch()
    cost = row_cost.end(path, row_cost.begin(path), 60.0, 0, OF_RUN)
    assert cost["processes"] == 2 and cost["processes_untimed"] == 1
    assert cost["minutes"] == pytest.approx(1)


def test_a_process_that_got_to_no_run_leaves_nothing(tmp_path):
    path = tmp_path / "runs" / "dimn_seed0" / "cost.json"
    row_cost.end(path, row_cost.begin(path), 60.0, 0, OF_RUN)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "runs" / "other").mkdir(parents=True)
    row_cost.end(path, row_cost.begin(path), 60.0, 0, OF_RUN)
    assert [p.name for p in (tmp_path / "runs").iterdir()] == ["other"]


def test_a_cut_file_is_named(tmp_path):
    path = tmp_path / "cost.json"
    path.write_text('{"minutes": 3')
    with pytest.raises(errors.UserError, match=r"cost\.json: .*or remove it"):
        row_cost.begin(path)
    assert path.read_text() == '{"minutes": 3'


def test_a_step_takes_as_long_as_its_images_at_the_median_pace(tmp_path):
    log = tmp_path / "training_log.csv"
    log.write_text("step,images_per_second\n1,384\n2,0\n3,96\n4,9999\n")
    values = {"sources": ["cuhk02", "cuhk03", "market1501"], "train_steps": 7}
    for method, images in (("dimn", 64), ("reptile", 3 * 2 * 32)):
        found = row_cost.of_run(
            recipe.from_values({**values, "method": method}), 1000, log
        )
        assert found["seconds_a_step"] == pytest.approx(images / 384)
        assert found["images_seen"] == 7 * images
        assert found["encoder_passes"] == 1 and found["training_images"] == 1000
    nothing = row_cost.of_run(
        recipe.from_values({**values, "method": "dimn"}), 1000, tmp_path / "none.csv"
    )
    assert nothing["seconds_a_step"] == 0
