"""The paper's quoted rows are its own, marked, and beside ours."""

import json

from dimn_tf.comparison import gathered, quoted
from tests.dimn_tf.comparison import made_up

TARGETS = ("viper", "prid", "grid", "ilids")


def _lines(table):
    cells = [line.split("|")[1:-1] for line in table.split("\n")]
    return [[cell.strip() for cell in line] for line in cells]


def test_quoted_rows_are_marked_and_ours_stand_beneath(tmp_path):
    made_up.row(tmp_path / "kept", "dimn", 0, {t: [0.5, 0.25, 0.75] for t in TARGETS})
    found = gathered.gather(tmp_path / "kept", resamples=100)
    viper, prid, grid, ilids = map(_lines, quoted.tables(found))
    assert viper[0] == ["viper", "rank-1", "rank-5", "rank-10", "mAP"]
    assert viper[2] == ["GatedSia (S), quoted", "37.8", "66.9", "77.4", "-"]
    assert viper[-3] == ["TJAIDL (U), quoted", "38.5", "-", "-", "-"]
    assert viper[-2] == ["DIMN, the paper's", "51.2", "70.2", "76.0", "60.1"]
    assert viper[-1][0] == "DIMN, ours" and viper[-1][4] == "50.0 ± 1.2"
    assert [len(table) - 4 for table in (viper, prid, grid, ilids)] == [13, 6, 3, 5]
    for table in (viper, prid, grid, ilids):
        assert all("quoted" in line[0] for line in table[2:-2])


def test_the_quoted_figures_are_the_papers(shared_dir):
    """Each row of the restated paper's list, which is a text and not our file."""
    text = (shared_dir / "paper" / "dimn_restated.md").read_text()
    section = text.split("## Tables 3 to 6")[1].split("##")[0]
    listed: dict[str, list] = {}
    target = ""
    for line in section.split("\n"):
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) != 3 or not cells[1].endswith(("(S)", "(U)")):
            continue
        target = cells[0] or target  # An empty cell repeats it.
        name, kind = cells[1].removesuffix(")").split(" (")
        values = [None if v == "-" else float(v) for v in cells[2].split(" / ")]
        listed.setdefault(target.lower().replace("-", ""), []).append(
            [name, kind, *values, *[None] * (4 - len(values))]
        )
    held = json.loads(quoted.FILE.read_text())
    del held["source"]
    assert held == listed
    assert sum(map(len, listed.values())) == 27
