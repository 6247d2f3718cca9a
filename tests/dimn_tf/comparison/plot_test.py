"""The picture shows each row's mean, seeds, interval and the paper's value."""

import json

import pytest

from dimn_tf.comparison import gathered, plot
from dimn_tf.evaluation import paper_results
from tests.dimn_tf.comparison import made_up

TARGETS = ("viper", "prid", "grid", "ilids")
DIMN = {target: [0.5, 0.25, 0.75] for target in TARGETS}
LESS = {target: [0.4, 0.2, 0.6] for target in TARGETS}


def test_a_row_is_a_bar_its_seeds_its_interval_and_the_papers_value(axes, tmp_path):
    kept = tmp_path / "kept"
    made_up.row(kept, "dimn", 0, DIMN)
    made_up.row(kept, "dimn", 1, LESS)
    made_up.row(kept, "mldg", 0, LESS)
    made_up.row(kept, "dimn_no_memory", 0, LESS)
    found = gathered.gather(kept, 200)
    plot.plot(found, tmp_path / "out" / "c.png")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["c.png"]
    (drawn,) = axes
    labels = [text.get_text() for text in drawn.get_yticklabels()]
    assert labels == ["MLDG", "DIMN", "DIMN without memory bank"]
    heights = list(drawn.get_yticks())
    assert heights == sorted(heights) and heights[2] - heights[1] > 1  # A gap.
    assert [bar.get_width() for bar in drawn.patches] == pytest.approx([40, 50, 40])
    assert [
        bar.get_y() + bar.get_height() / 2 for bar in drawn.patches
    ] == pytest.approx(heights)
    by_label = {}
    for line in drawn.lines:
        by_label.setdefault(line.get_label(), []).append(line)
    (reference,) = by_label["DIMN"]
    assert list(reference.get_xdata()) == pytest.approx([50, 50])
    seeds = [list(line.get_xdata()) for line in by_label["a seed"]]
    assert [x for s in seeds for x in s] == pytest.approx([40, 50, 40, 40])
    intervals = [
        line for label, lines in by_label.items() if "95 %" in label for line in lines
    ]
    low, high = found.difference("mldg")["interval"]
    assert low < -10 < high < 0
    assert list(intervals[0].get_xdata()) == pytest.approx([50 + low, 50 + high])
    assert [line.get_ydata()[0] for line in intervals] == [heights[0], heights[2]]
    papers = [
        line for label, lines in by_label.items() if "paper" in label for line in lines
    ]
    assert [line.get_xdata()[0] for line in papers] == pytest.approx(
        [
            paper_results.paper_mean(name)["mAP"]
            for name in ("mldg", "dimn", "dimn_no_memory")
        ]
    )
    assert drawn.get_xlim()[0] == 0 and "mAP" in drawn.get_xlabel()


def test_without_dimn_or_the_papers_targets_there_is_nothing_of_theirs(axes, tmp_path):
    made_up.row(tmp_path / "kept", "mldg", 0, {"viper": LESS["viper"]})
    plot.plot(gathered.gather(tmp_path / "kept", 100), tmp_path / "c.png")
    (drawn,) = axes
    assert [line.get_label() for line in drawn.lines] == ["a seed"]


def test_an_interval_to_another_dimn_than_the_line_is_not_drawn(axes, tmp_path):
    for name, seed, aps in (("dimn", 0, DIMN), ("dimn", 1, LESS), ("mldg", 1, DIMN)):
        made_up.row(tmp_path / "kept", name, seed, aps)
    found = gathered.gather(tmp_path / "kept", 100)
    assert found.difference("mldg")["difference"] == pytest.approx(10)
    plot.plot(found, tmp_path / "c.png")
    (drawn,) = axes
    assert not any("95 %" in line.get_label() for line in drawn.lines)


def test_a_targets_name_is_no_formula(axes, tmp_path):
    name = "reid_folder:/a$b_{$/c\udcff"
    made_up.row(tmp_path / "kept", "mldg", 0, {name: LESS["viper"]})
    plot.plot(gathered.gather(tmp_path / "kept", 100), tmp_path / "c.png")
    (drawn,) = axes
    assert "reid_folder:/a$b_{$/c\\udcff" in drawn.get_xlabel()


def test_rows_and_targets_that_were_trained_on_are_marked(axes, tmp_path):
    kept = tmp_path / "kept"
    for name in ("pcb", "mldg"):
        made_up.row(kept, name, 0, {t: LESS[t] for t in ("viper", "prid")})
    path = kept / "mldg_seed0.json"
    values = json.loads(path.read_text())
    values["targets"]["viper"]["seen_in_training"] = {"persons": 1}
    path.write_text(json.dumps(values))
    plot.plot(gathered.gather(kept, 100), tmp_path / "c.png")
    (drawn,) = axes
    labels = [text.get_text() for text in drawn.get_yticklabels()]
    assert labels == ["aggregation, PCB", "MLDG (1 of 2 TRAINED ON)"]
    assert drawn.get_xlabel() == "mAP, mean over viper (TRAINED ON), prid (%)"
