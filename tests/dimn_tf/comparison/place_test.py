"""What is kept of a row's run, and what is refused when it is read again."""

import json

import pytest

from dimn_tf import errors
from dimn_tf.comparison import place
from dimn_tf.evaluation import results_files
from tests.dimn_tf.comparison import made_up

APS = {"viper": [0.5, 0.25], "prid": [1.0, 0.0]}


def test_a_finished_run_is_kept_with_its_probes_log_and_cost(tmp_path):
    run = made_up.run(tmp_path / "run", APS, method="dimn", seed=3, triplet_weight=0.5)
    kept = place.Place(tmp_path / "kept", "dimn", 3)
    kept.keep(run, made_up.COST)
    assert sorted(p.name for p in kept.folder.iterdir()) == [
        "dimn_seed3.json",
        "dimn_seed3_probes.csv",
        "dimn_seed3_training_log.csv",
    ]
    found = kept.read()
    assert found["cost"] == made_up.COST
    assert found["images_seen"] == made_up.COST["images_seen"]
    assert found["sources_sha256"] == "of the sources"
    assert found["probes_file"] == "dimn_seed3_probes.csv"
    own = results_files.read(run.results)
    assert {k: found[k] for k in own if k != "probes_file"} == {
        k: own[k] for k in own if k != "probes_file"
    }
    assert results_files.read_probes(kept.results) == results_files.read_probes(
        run.results
    )
    assert kept.training_log.read_text() == run.training_log.read_text()


def test_a_run_that_lacks_a_file_leaves_no_results(tmp_path):
    run = made_up.run(tmp_path / "run", APS)
    run.training_log.unlink()
    kept = place.Place(tmp_path / "kept", "dimn", 0)
    with pytest.raises(OSError):
        kept.keep(run, made_up.COST)
    assert not kept.results.exists()


@pytest.mark.parametrize("lost", ["cost", "mean", *made_up.COST])
def test_results_that_lack_a_figure_are_refused_by_name(lost, tmp_path):
    kept = made_up.row(tmp_path / "kept", "dimn", 0, APS)
    values = json.loads(kept.results.read_text())
    (values if lost in ("cost", "mean") else values["cost"]).pop(lost)
    kept.results.write_text(json.dumps(values))
    told = rf"dimn_seed0\.json: .*it lacks `(cost\.)?{lost}.*move it and its probes"
    with pytest.raises(errors.UserError, match=told):
        kept.read()


def test_results_without_their_probes_or_cut_short_are_refused(tmp_path):
    kept = made_up.row(tmp_path / "kept", "dimn", 0, APS)
    whole = kept.results.read_text()
    kept.results.write_text(whole[:200])
    with pytest.raises(errors.UserError, match="not the results of dimn, seed 0"):
        kept.read()
    kept.results.write_text(whole)
    kept.read()
    results_files.probes_path(kept.results).unlink()
    with pytest.raises(errors.UserError, match="lacks its per-probe file"):
        kept.read()


def test_seeds_are_those_of_the_row_alone(tmp_path):
    for name in (
        "dimn_seed10.json",
        "dimn_seed2.json",
        "dimn_seed2_probes.csv",
        "dimn_no_memory_seed5.json",
        "dimn_seed7_old.json",
        "dimn_seedx.json",
        "dimn_seed03.json",
        "dimn_seed\u0663.json",
    ):
        (tmp_path / name).touch()
    assert place.seeds_of(tmp_path, "dimn") == [2, 10]
    assert place.seeds_of(tmp_path, "dimn_no_memory") == [5]
    assert place.seeds_of(tmp_path / "none", "dimn") == []
