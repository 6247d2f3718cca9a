"""results.json and the per-probe file, read back and worked out again."""

import csv
import dataclasses
import json

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.evaluation import results, results_files


@pytest.fixture
def evaluated(made_up_results):
    return made_up_results(["viper", "synthetic_reid/night"])


def test_schema(evaluated):
    figures = results.figures_of(evaluated, "dimn", {"seed": 3}, step=40)
    assert set(figures) == {
        "method", "step", "targets", "mean", "diagnosis_mean", "flags", "versions",
    }  # fmt: skip
    assert list(figures["targets"]) == ["viper", "synthetic_reid/night"]
    viper = figures["targets"]["viper"]
    assert (viper["trials"], viper["probes"], viper["gallery"]) == (3, 20, 20)
    assert set(viper["rank5"]) == {"mean", "std"}
    assert set(viper["diagnosis"]) == {"euclidean", "cosine"}
    assert viper["trials_sha256"] == evaluated[0].target.trials_sha256
    assert figures["flags"] == {"seed": 3} and figures["step"] == 40
    assert {"tensorflow", "keras", "dimn_tf", "python"} <= set(figures["versions"])
    assert set(figures["mean"]) == {"rank1", "rank5", "rank10", "mAP"}


def test_values_are_means_over_trials_in_per_cent(evaluated):
    figures = results.figures_of(evaluated, "dimn")
    for result in evaluated:
        row = figures["targets"][result.target.name]
        aps = [100 * r.mean_average_precision for r in result.rankings["method"]]
        firsts = [r.first_match_ranks for r in result.rankings["method"]]
        rank5 = [100 * np.mean(f <= 5) for f in firsts]
        assert row["mAP"]["mean"] == pytest.approx(sum(aps) / 3, abs=1e-4)
        spread = (sum((x - sum(aps) / 3) ** 2 for x in aps) / 3) ** 0.5
        assert row["mAP"]["std"] == pytest.approx(spread, abs=1e-4)
        assert row["rank5"]["mean"] == pytest.approx(sum(rank5) / 3, abs=1e-4)
        assert row["per_trial"]["mAP"] == pytest.approx(aps, abs=1e-4)
        assert row["per_trial"]["names"] == ["trial1", "trial2", "trial3"]
        cosine = [100 * r.mean_average_precision for r in result.rankings["cosine"]]
        assert row["diagnosis"]["cosine"]["mAP"]["mean"] == pytest.approx(
            sum(cosine) / 3, abs=1e-4
        )
        assert 1 < row["mAP"]["mean"] < 99
    both = [row["mAP"]["mean"] for row in figures["targets"].values()]
    assert figures["mean"]["mAP"] == pytest.approx(sum(both) / 2, abs=2e-4)
    cosine = [
        r["diagnosis"]["cosine"]["rank1"]["mean"] for r in figures["targets"].values()
    ]
    assert figures["diagnosis_mean"]["cosine"]["rank1"] == pytest.approx(
        sum(cosine) / 2, abs=2e-4
    )


def test_files(evaluated, tmp_path):
    path = tmp_path / "deep" / "results_histogram.json"
    figures = results.figures_of(evaluated, "histogram")
    results_files.write(path, figures, evaluated)
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "results_histogram.json",
        "results_histogram_probes.csv",
    ]
    assert path.read_text().startswith('{\n  "method": "histogram",\n  "targets": {\n')
    read = results_files.read(path)
    assert read == json.loads(json.dumps(figures)) | {
        "probes_file": "results_histogram_probes.csv"
    }
    rows = results_files.read_probes(path)
    assert len(rows) == 2 * 3 * 20
    # The file alone gives the printed figures again.
    for name, row in read["targets"].items():
        mine = [r for r in rows if r["target"] == name]
        aps = [float(r["average_precision"]) for r in mine]
        first = [int(r["first_match_rank"]) for r in mine]
        assert 100 * np.mean(aps) == pytest.approx(row["mAP"]["mean"], abs=1e-3)
        assert 100 * np.mean(np.array(first) <= 10) == pytest.approx(
            row["rank10"]["mean"], abs=1e-3
        )
    assert (
        rows[0]["probe"]
        == evaluated[0].target.records.file_names[
            evaluated[0].target.trials[0].probe_indices[0]
        ]
    )


def test_a_failed_write_leaves_the_old_file(evaluated, tmp_path):
    path = tmp_path / "results.json"
    figures = results.figures_of(evaluated, "dimn")
    results_files.write(path, figures, evaluated)
    beside = results_files.probes_path(path)
    before = path.read_bytes(), beside.read_bytes()
    with pytest.raises(TypeError):
        results_files.write(path, figures | {"flags": {"x": object()}}, evaluated[:1])
    assert (path.read_bytes(), beside.read_bytes()) == before  # They belong together.
    assert len(list(tmp_path.iterdir())) == 2


def test_wrong_files_are_named(evaluated, tmp_path):
    path = tmp_path / "results.json"
    with pytest.raises(errors.UserError, match="results.json is no results file"):
        results_files.read(path)
    for content, told in (("[]", "a JSON list"), ("{}", "its `targets` or `flags`")):
        path.write_text(content)
        with pytest.raises(errors.UserError, match=told):
            results_files.read(path)
    with pytest.raises(errors.UserError, match="lacks its per-probe file"):
        results_files.read_probes(path)
    with open(results_files.probes_path(path), "w", newline="") as file:
        csv.writer(file).writerow(["target", "probe"])
    with pytest.raises(errors.UserError, match="has columns"):
        results_files.read_probes(path)


def test_no_target():
    with pytest.raises(errors.UserError, match="no target"):
        results.figures_of([], "dimn")


def test_a_folder_whose_name_is_no_text_is_a_target_like_others(
    made_up_results, tmp_path
):
    name = "reid_folder:b\udcf6"  # As os.fsdecode.
    evaluated, path = made_up_results([name]), tmp_path / "results.json"
    results_files.write(path, results.figures_of(evaluated, "dimn"), evaluated)
    assert list(results_files.read(path)["targets"]) == [name]
    assert {row["target"] for row in results_files.read_probes(path)} == {name}


def test_figures_have_four_places_and_no_empty_remarks(evaluated):
    figures = results.figures_of(evaluated, "dimn")
    row = figures["targets"]["viper"]
    assert "unmatched_probes" not in row and "seen_in_training" not in row
    told = [figures["mean"]["mAP"], *row["mAP"].values(), *row["per_trial"]["mAP"]]
    assert all(value == round(value, 4) for value in told)
    assert any(value != round(value, 3) for value in told)


def test_sizes_are_those_of_the_first_trial(evaluated):
    def changed(result, first, others):
        """With other numbers of images, and of probes without a match."""
        lost = [np.arange(n) for n in (first, others, others)]
        rankings = [
            dataclasses.replace(ranked, unmatched=unmatched)
            for ranked, unmatched in zip(result.rankings["method"], lost, strict=True)
        ]
        trials = [
            dataclasses.replace(
                trial, probe_ids=trial.probe_ids[n:], gallery_ids=trial.gallery_ids[n:]
            )
            for trial, n in zip(result.target.trials, (1, 5, 5), strict=True)
        ]
        return dataclasses.replace(
            result,
            target=dataclasses.replace(result.target, trials=tuple(trials)),
            rankings={**result.rankings, "method": tuple(rankings)},
        )

    figures = results.figures_of([changed(evaluated[0], 2, 0)], "dimn")
    row = figures["targets"]["viper"]
    assert (row["probes"], row["gallery"], row["unmatched_probes"]) == (19, 19, 2)
    figures = results.figures_of([changed(evaluated[0], 0, 2)], "dimn")
    assert "unmatched_probes" not in figures["targets"]["viper"]


def test_a_probes_row_tells_its_name_and_whether_it_has_a_match(evaluated, tmp_path):
    result, path = evaluated[0], tmp_path / "results.json"
    trial, first = result.target.trials[0], result.rankings["method"][0]
    names = result.target.records.file_names.astype(object)
    names[trial.probe_indices[0]] = 'a\r\nb\rc, "d"\n'
    result.target.records.file_names = names
    first.first_match_ranks[1], first.average_precisions[1] = 0, np.nan
    results_files.write(path, {"targets": {}}, [result])
    named, lost, *others = results_files.read_probes(path)[:20]
    assert named["probe"] == 'a\r\nb\rc, "d"\n' and named["average_precision"]
    assert (lost["average_precision"], lost["first_match_rank"]) == ("", "")
    assert lost["person_id"] == str(trial.probe_ids[1])
    assert all(int(row["first_match_rank"]) > 0 for row in others)
