"""The tables show the figures that they are given, the paper's and differences."""

import json

import pytest

from dimn_tf.comparison import gathered, place, quoted, rows, tables
from tests.dimn_tf.comparison import made_up

TARGETS = ("viper", "prid", "grid", "ilids")
DIMN = {target: [0.5, 0.25, 0.75] for target in TARGETS}
LESS = {target: [0.4, 0.2, 0.6] for target in TARGETS}


@pytest.fixture
def found(tmp_path):
    made_up.row(tmp_path / "kept", "dimn", 0, DIMN)
    made_up.row(tmp_path / "kept", "dimn", 1, LESS)
    made_up.row(tmp_path / "kept", "aggregation", 0, LESS)
    made_up.row(tmp_path / "kept", "aggregation_one_domain", 0, LESS)
    return gathered.gather(tmp_path / "kept", resamples=200)


def _lines(table):
    cells = [line.split("|")[1:-1] for line in table.split("\n")]
    return [[cell.strip() for cell in line] for line in cells]


def test_table_2_has_every_target_the_mean_and_the_papers_values(found):
    lines = _lines(tables.figures_table(found, rows.TABLE_2))
    assert lines[0] == [
        "row", "target", "rank-1", "rank-5", "rank-10", "mAP",
        "mAP minus DIMN's [95 %]",
    ]  # fmt: skip
    assert [line[:2] for line in lines[2:]] == [
        [label, target]
        for label in ("aggregation", "DIMN")
        for target in (*TARGETS, "**mean**")
    ]
    viper = lines[2]
    # -10, -5 and -15 points: -10 on average, resamples between -15 and -5.
    assert viper[2] == "10.0 ± 0.0 (42.9)" and viper[3] == "18.0 ± 0.0 (61.3)"
    assert viper[5] == "40.0 ± 1.2 (51.9)"
    assert viper[6].startswith("-10.0 [-1") and viper[6].endswith("]")
    mean = lines[6]
    paper = (51.91 + 50.98 + 39.79 + 75.95) / 4
    assert mean[5] == f"40.0 ({paper:.1f})"
    assert mean[6].startswith("-10.0 [")
    assert all(line[6] == "-" for line in lines[7:])  # DIMN itself.
    assert lines[7][5] == "50.0 ± 1.2 (60.1)"


def test_the_overview_is_a_line_a_row(tmp_path):
    kept = tmp_path / "kept"
    made_up.row(kept, "dimn", 0, {"viper": [0.5, 0.5], "prid": [0.75, 0.75]})
    made_up.row(kept, "mldg", 0, {"viper": [0.25, 0.25], "prid": [0.25, 0.25]})
    lines = _lines(tables.overview(gathered.gather(kept, resamples=100)))
    assert lines[0] == ["row", "viper", "prid", "mean", "mAP minus DIMN's [95 %]"]
    assert lines[2:] == [
        ["MLDG", "10.0 / 25.0", "10.0 / 25.0", "10.0 / 25.0", "-37.5 [-37.5, -37.5]"],
        ["DIMN", "10.0 / 50.0", "10.0 / 75.0", "10.0 / 62.5", "-"],
    ]


def test_each_target_has_its_own_figures_and_the_papers(tmp_path):
    """One AP over all people of a target, so that all resamples are alike."""
    for name, level in (("dimn", 0.5), ("mldg", 0.25)):
        aps = {t: [level + step / 8] * 2 for step, t in enumerate(TARGETS)}
        aps["ilids"] = [0.5, 0.5]
        made_up.row(tmp_path / "kept", name, 0, aps)
    found = gathered.gather(tmp_path / "kept", resamples=100)
    lines = _lines(tables.figures_table(found, rows.TABLE_2))[2:]
    assert [line[:3] + line[5:] for line in lines[:5]] == [
        ["MLDG", target, *cells]
        for target, *cells in (
            ("viper", "10.0 ± 0.0 (23.5)", "25.0 ± 1.2 (33.5)", "-25.0 [-25.0, -25.0]"),
            ("prid", "10.0 ± 0.0 (24.0)", "37.5 ± 1.2 (35.4)", "-25.0 [-25.0, -25.0]"),
            ("grid", "10.0 ± 0.0 (15.8)", "50.0 ± 1.2 (23.6)", "-25.0 [-25.0, -25.0]"),
            ("ilids", "10.0 ± 0.0 (53.8)", "50.0 ± 1.2 (65.2)", "+0.0 [+0.0, +0.0]"),
            ("**mean**", "10.0 (29.3)", "40.6 (39.4)", "-18.8 [-18.8, -18.8]"),
        )
    ]
    assert [line[5] for line in lines[5:]] == [
        "50.0 ± 1.2 (60.1)",
        "62.5 ± 1.2 (52.0)",
        "75.0 ± 1.2 (41.1)",
        "50.0 ± 1.2 (78.4)",
        "59.4 (57.9)",
    ]
    bare = _lines(tables.cosine_table(found))
    assert bare[2] == ["MLDG", "40.6", "26.0", "38.5", "51.0", "51.0", "41.6", "38.6"]
    ours = [_lines(table)[-1][4] for table in quoted.tables(found)]
    assert ours == [line[5].split(" (")[0] for line in lines[5:9]]


def test_a_row_that_the_paper_has_not_has_no_brackets(found):
    lines = _lines(tables.figures_table(found, rows.OURS))
    assert [line[1] for line in lines[2:]] == [*TARGETS, "**mean**"]
    assert lines[2][5] == "40.0 ± 1.2" and lines[6][5] == "40.0"


def test_the_papers_mean_is_of_its_four_targets_alone(tmp_path):
    kept = tmp_path / "kept"
    made_up.row(kept, "dimn", 0, {name: DIMN[name] for name in TARGETS[:3]})
    lines = _lines(tables.figures_table(gathered.gather(kept, 100), rows.TABLE_2))
    assert lines[2][5].endswith("(60.1)") and lines[-1][1] == "**mean**"
    assert "(" not in lines[-1][5]


def test_the_cosine_table_is_of_the_bare_features(found):
    lines = _lines(tables.cosine_table(found))
    assert lines[0] == ["row", "as it scores", *TARGETS, "mean", "mean, Euclidean"]
    assert lines[2] == ["aggregation", "40.0", *["41.0"] * 4, "41.0", "38.0"]
    assert lines[3] == ["DIMN", "50.0", *["51.0"] * 4, "51.0", "48.0"]


def test_the_seeds_stand_one_by_one(found):
    lines = _lines(tables.seeds_table(found))[2:]
    assert [line[:3] for line in lines] == [
        ["aggregation", "0", "40.0"],
        ["DIMN", "0", "50.0"],
        ["DIMN", "1", "40.0"],
        ["aggregation, one domain a batch", "0", "40.0"],
    ]
    assert lines[0][3].startswith("-10.0 [") and lines[1][3] == lines[2][3] == "-"


def test_the_cost_table(found):
    lines = _lines(tables.cost_table(found))
    assert lines[3] == [
        "DIMN", "256,000", "2.33", "4,000", "0.42", "30", "2.2", "0, 1",
    ]  # fmt: skip


def test_all_tables_name_what_is_there_and_nothing_else(found, tmp_path):
    text = tables.all_tables(found)
    for heading in ("Table 2", "Table 7", "Not in the paper", "Features", "Seeds"):
        assert f"## {heading}" in text, heading
    made_up.row(tmp_path / "other", "pcb", 0, LESS)
    text = tables.all_tables(gathered.gather(tmp_path / "other", 100))
    assert "## Table 2" in text and "Table 7" not in text
    assert "DIMN, ours" not in text


def test_what_is_not_like_with_like_is_told(found, tmp_path):
    assert "**" not in tables.all_tables(found).split("## ")[0]
    kept = tmp_path / "kept"
    cost = {**made_up.COST, "images_seen": 6400, "processes_untimed": 1}
    own = {"method": "mldg", "seed": 0}
    made = made_up.run(tmp_path / "mldg", LESS, **own)
    place.Place(kept, "mldg", 0).keep(made, cost)
    text = tables.all_tables(gathered.gather(kept, 100))
    assert "the rows saw from 6,400 to 256,000 images" in text.split("## ")[0]
    (line,) = [line for line in text.split("\n") if "| MLDG | 6,400 |" in line]
    assert "| > 30 |" in line


_SEEN = {"persons": 1, "of_persons": 1, "images": 2, "of_images": 2}


def test_notes_and_trained_targets_are_marked(tmp_path):
    kept = tmp_path / "kept"
    for name in ("pcb", "dimn"):
        made_up.row(kept, name, 0, {"viper": [0.5]})
    values = json.loads((kept / "pcb_seed0.json").read_text())
    values["targets"]["viper"]["seen_in_training"] = _SEEN
    (kept / "pcb_seed0.json").write_text(json.dumps(values))
    text = tables.all_tables(gathered.gather(kept, 100))
    assert "**No difference is told: viper has one identity alone.**" in text
    assert "| aggregation, PCB | viper (TRAINED ON) |" in text
    assert "| DIMN | viper |" in text


def _trained_on_viper(kept, name):
    path = kept / f"{name}_seed0.json"
    values = json.loads(path.read_text())
    values["targets"]["viper"]["seen_in_training"] = _SEEN
    path.write_text(json.dumps(values))


def test_every_table_marks_what_was_trained_on(tmp_path):
    kept = tmp_path / "kept"
    for name, level in (("pcb", 0.5), ("dimn", 0.25)):
        made_up.row(kept, name, 0, {t: [level, level] for t in ("viper", "prid")})
    _trained_on_viper(kept, "pcb")
    found = gathered.gather(kept, 100)
    target, mean = " (TRAINED ON)", " (1 of 2 TRAINED ON)"
    pcb, dimn = _lines(tables.overview(found))[2:]
    assert pcb[1:4] == [f"10.0 / 50.0{target}", "10.0 / 50.0", f"10.0 / 50.0{mean}"]
    assert dimn[1:4] == ["10.0 / 25.0"] * 3
    lines = _lines(tables.figures_table(found, rows.TABLE_2))[2:]
    assert [line[1] for line in lines] == [
        f"viper{target}", "prid", f"**mean**{mean}", "viper", "prid", "**mean**",
    ]  # fmt: skip
    pcb, dimn = _lines(tables.cosine_table(found))[2:]
    assert pcb[1:] == [
        f"50.0{mean}", f"51.0{target}", "51.0", f"51.0{mean}", f"48.0{mean}",
    ]  # fmt: skip
    assert dimn[1:] == ["25.0", "26.0", "26.0", "26.0", "23.0"]
    pcb, dimn = _lines(tables.seeds_table(found))[2:]
    assert (pcb[2], dimn[2]) == (f"50.0{mean}", "25.0")
    _trained_on_viper(kept, "dimn")
    quotes = quoted.tables(gathered.gather(kept, 100))
    assert f"| DIMN, ours{target} |" in quotes[0] and "| DIMN, ours |" in quotes[1]
