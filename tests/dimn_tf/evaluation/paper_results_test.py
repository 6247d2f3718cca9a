"""The paper's numbers, checked by the means that followers derived from them."""

import pytest

from dimn_tf.comparison import rows
from dimn_tf.evaluation import paper_results
from dimn_tf.training import recipe


@pytest.mark.parametrize(
    ("method", "rank1", "average_precision"),
    [
        ("aggregation", 45.16, 54.66),
        ("ppa", 42.09, 52.61),
        ("reptile", 28.05, 37.09),
        ("mldg", 29.27, 39.41),
        ("crossgrad", 24.58, 33.97),
        ("dimn", 47.47, 57.89),
    ],
)
def test_means(method, rank1, average_precision):
    mean = paper_results.paper_mean(method)
    assert mean["rank1"] == pytest.approx(rank1, abs=0.0051)
    assert mean["mAP"] == pytest.approx(average_precision, abs=0.0051)


@pytest.mark.parametrize("method", paper_results._TABLE_2)
def test_rows_are_cumulative_and_come_from_the_papers_trials(method):
    trials = {"viper": 3160, "prid": 1000, "grid": 1250, "ilids": 600}
    for target, probes in trials.items():
        row = paper_results.paper_row(method, target)
        assert row["rank1"] <= row["rank5"] <= row["rank10"]
        assert row["rank1"] < row["mAP"] < row["rank10"]
        for metric in ("rank1", "rank5", "rank10"):
            if (method, target, metric) == ("ppa", "ilids", "rank5"):
                continue  # 83.75, the one value that no 600 probes can give
            count = round(row[metric] * probes / 100)
            assert row[metric] == pytest.approx(100 * count / probes, abs=0.0051)


def test_the_papers_row_of_a_run_is_chosen_by_what_it_lacks():
    row_of = paper_results.row_of
    assert row_of("dimn", {}) == row_of("dimn", {"memory_bank": True}) == "dimn"
    assert row_of("dimn", {"triplet_weight": 0}) == "dimn_no_logit_triplet"
    assert row_of("dimn", {"triplet_weight": 0.0, "memory_bank": False}) is None
    assert row_of("mldg", {"triplet_weight": 0.0}) == "mldg"
    assert row_of("untrained dimn", {}) is None


@pytest.mark.parametrize(
    ("method", "flag", "as_in_the_paper", "otherwise"),
    [
        ("dimn", "domain_sampling", ["uniform", "by_images"], ["all", "quota"]),
        ("aggregation", "domain_sampling", ["all", "quota"], ["uniform"]),
        ("reptile", "reptile_head", ["task", "fresh"], ["identities"]),
    ],
)
def test_what_draws_or_learns_otherwise_has_no_row(
    method, flag, as_in_the_paper, otherwise
):
    for value in as_in_the_paper:
        assert paper_results.row_of(method, {flag: value}) == method
    for value in otherwise:
        assert paper_results.row_of(method, {flag: value}) is None


def test_each_run_of_the_comparison_has_its_own_row_of_the_paper():
    for name, row in rows.ROWS.items():
        recorded = recipe.from_values(row.options).recorded()
        assert paper_results.row_of(row.method, recorded) == row.paper, name


def test_row():
    row = paper_results.paper_row("dimn", "grid")
    assert row == {"rank1": 29.28, "rank5": 53.28, "rank10": 65.84, "mAP": 41.09}
    assert paper_results.paper_row("dimn", "grid/partial") == row
    assert paper_results.paper_row("dimn", "synthetic_reid/night") is None
    assert paper_results.paper_row("histogram", "grid") is None
    assert paper_results.paper_mean("histogram") is None


def test_every_figure_is_as_printed():
    # Per method, the sum of its 16 figures: a slip of one digit shows.
    sums = {
        m: round(sum(map(sum, rows)), 2) for m, rows in paper_results._TABLE_2.items()
    }
    assert sums == {
        "aggregation": 952.31,
        "pcb": 848.53,
        "aligned_reid": 787.41,
        "ppa": 931.87,
        "reptile": 665.44,
        "mldg": 710.15,
        "crossgrad": 614.42,
        "dimn": 1014.59,
    }
