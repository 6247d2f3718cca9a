"""Cells hold what they are given, whatever its characters."""

import pytest

from dimn_tf.comparison import markdown


def test_a_cell_stays_a_cell():
    found = markdown.table(["a|b"], [["x\ny"], ["/d\udcff"]])
    assert found.split("\n") == ["| a\\|b |", "| --- |", "| x y |", "| /d\\udcff |"]
    found.encode("utf-8")


def test_figures_stand_in_the_papers_order_with_its_values_in_brackets():
    means = {"mAP": 4.0, "rank10": 3.0, "rank5": 2.0, "rank1": 1.0}
    assert markdown.figures(means) == ["1.0", "2.0", "3.0", "4.0"]
    paper = {"rank1": 5.0, "rank5": 6.0, "rank10": 7.0, "mAP": 8.0}
    spread = {**means, "rank1": {"mean": 1.26, "std": 0.5}}
    assert markdown.figures(spread, paper) == [
        "1.3 ± 0.5 (5.0)", "2.0 (6.0)", "3.0 (7.0)", "4.0 (8.0)",
    ]  # fmt: skip


def test_a_difference_has_its_sign_and_ends():
    found = {"difference": 1.25, "interval": [-0.5, 3.0]}
    assert markdown.difference(found) == "+1.2 [-0.5, +3.0]"
    assert markdown.difference(None) == "-"


@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        ((-3.336, 0.01), "[-3.34, +0.01]"),
        ((-3.336, -0.04), "[-3.34, -0.04]"),
        ((0.004, 2.0), "[+0.004, +2.000]"),
        ((-0.06, 2.0), "[-0.1, +2.0]"),
        ((0.0, 2.0), "[+0.0, +2.0]"),  # Just zero.
    ],
)
def test_rounding_hides_not_whether_an_interval_includes_zero(interval, shown):
    found = {"difference": -1.677, "interval": list(interval)}
    assert markdown.difference(found) == f"-1.7 {shown}"
