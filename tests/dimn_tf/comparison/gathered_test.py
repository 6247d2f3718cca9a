"""Rows are gathered with their differences by hand; unlike ones are refused."""

import pathlib

import pytest

from dimn_tf import errors
from dimn_tf.comparison import gathered
from tests.dimn_tf.comparison import made_up

DIMN = {"viper": [0.5, 0.25, 0.75], "prid": [1.0, 0.0]}
LESS = {"viper": [0.4, 0.15, 0.65], "prid": [0.8, 0.1]}
MORE = {"viper": [0.6, 0.35, 0.85], "prid": [1.0, 0.2]}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "kept"
    made_up.row(folder, "dimn", 0, DIMN)
    made_up.row(folder, "dimn", 2, MORE)
    made_up.row(folder, "aggregation", 0, LESS)
    made_up.row(folder, "aggregation", 1, DIMN)
    made_up.row(folder, "aggregation", 2, LESS)
    made_up.row(folder, "pcb", 1, MORE)
    return folder


def test_rows_come_in_the_tables_order_with_rising_seeds(folder):
    found = gathered.gather(folder, resamples=100)
    assert list(found.figures) == ["aggregation", "pcb", "dimn"]
    assert list(found.figures["aggregation"]) == [0, 1, 2]
    assert found.first("pcb")["mean"]["mAP"] == pytest.approx(60)
    assert found.first("dimn")["mean"]["mAP"] == pytest.approx(50)


def test_a_difference_is_of_one_seed_a_row_minus_dimn(folder):
    found = gathered.gather(folder, resamples=100)
    assert set(found.differences) == {"aggregation"}
    assert list(found.differences["aggregation"]) == [0, 2]
    # VIPeR: each of three persons 10 points less; PRID: -20 and +10.
    of_seed_0 = found.differences["aggregation"][0]
    assert of_seed_0["targets"]["viper"]["difference"] == pytest.approx(-10)
    assert of_seed_0["targets"]["viper"]["interval"] == pytest.approx([-10, -10])
    assert of_seed_0["targets"]["prid"]["difference"] == pytest.approx(-5)
    assert of_seed_0["difference"] == pytest.approx(-7.5)
    # Seed 2: VIPeR 20 less each; PRID -20 and -10.
    assert found.differences["aggregation"][2]["difference"] == pytest.approx(-17.5)
    assert found.difference("aggregation") == of_seed_0
    assert found.difference("pcb") is None  # No DIMN of its seed.
    assert found.difference("dimn") is None
    assert found.difference("mldg") is None  # Not there.


def test_the_record_has_each_rows_first_seed_and_the_means_of_all(folder):
    found = gathered.gather(folder, resamples=100)
    record = gathered.record(found, "the command")
    assert record["command"] == "the command"
    assert set(record["rows"]) == {"aggregation", "pcb", "dimn"}
    row = record["rows"]["aggregation"]
    assert row["targets"]["viper"]["mAP"]["mean"] == pytest.approx(40)
    assert row["mean"]["mAP"] == pytest.approx(42.5)
    assert row["cost"] == made_up.COST
    assert {s: m["mAP"] for s, m in row["seeds"].items()} == pytest.approx(
        {"0": 42.5, "1": 50, "2": 42.5}
    )
    assert record["minus_dimn"]["aggregation"]["2"]["difference"] == pytest.approx(
        -17.5
    )


def test_an_empty_folder_is_told(tmp_path):
    with pytest.raises(errors.UserError, match="no row of the comparison is there"):
        gathered.gather(tmp_path / "none")


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"sources": ["cuhk02"]}, "--sources"),
        ({"holdout_identities": 5}, "--holdout_identities"),
        ({"encoder_weights": "none"}, "--encoder_weights of mobilenet_v2"),
    ],
)
def test_rows_trained_on_other_terms_stand_in_no_table(flags, told, folder):
    made_up.row(folder, "mldg", 0, LESS, **flags)
    with pytest.raises(errors.UserError) as caught:
        gathered.gather(folder, resamples=100)
    text = str(caught.value)
    assert told in text and "mldg_seed0.json" in text and "_seed0.json" in text


def test_rows_of_other_encoders_have_weights_of_their_own(tmp_path):
    folder = tmp_path / "kept"
    made_up.row(folder, "dimn", 0, DIMN)
    made_up.row(
        folder, "aligned_reid", 0, LESS, encoder="resnet50", encoder_weights="other"
    )
    assert "aligned_reid" in gathered.gather(folder, resamples=100).figures


def test_rows_of_other_trials_are_refused(folder):
    made_up.row(folder, "mldg", 0, {"viper": [0.5, 0.1, 0.2]})
    with pytest.raises(errors.UserError, match="trials of .*: prid differ"):
        gathered.gather(folder, resamples=100)


def test_an_interval_that_cannot_be_told_costs_no_table(tmp_path):
    kept = tmp_path / "kept"
    for name, aps in (("dimn", [0.5]), ("pcb", [0.25]), ("ppa", [0.75])):
        made_up.row(kept, name, 0, {"viper": aps, "prid": [0.1, 0.2]})
    found = gathered.gather(kept, resamples=100)
    assert list(found.figures) == ["pcb", "ppa", "dimn"]
    assert found.differences == {} and found.difference("pcb") is None
    assert found.notes == ("No difference is told: viper has one identity alone.",)


def test_a_file_that_is_not_of_its_name_is_refused(folder):
    (folder / "aggregation_seed0.json").rename(folder / "crossgrad_seed0.json")
    (folder / "aggregation_seed0_probes.csv").rename(
        folder / "crossgrad_seed0_probes.csv"
    )
    with pytest.raises(errors.UserError, match="crossgrad_seed0.*it is aggregation"):
        gathered.gather(folder, resamples=100)


def test_rows_of_sources_that_were_built_anew_are_refused(folder):
    made_up.row(folder, "mldg", 0, LESS, sources_sha256="of fuller archives")
    with pytest.raises(errors.UserError, match="mldg_seed0.json.*names, persons or"):
        gathered.gather(folder, resamples=100)


def test_the_committed_comparison_is_gathered():
    """It was kept before rows had a hash of their sources."""
    root = pathlib.Path(__file__).parents[3]
    found = gathered.gather(root / "experiments/results/compare_small", resamples=10)
    assert len(found.figures) > 10 and found.difference("aggregation")
