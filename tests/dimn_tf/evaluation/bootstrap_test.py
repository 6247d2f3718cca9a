"""Differences between runs, against hand arithmetic and theory."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.evaluation import bootstrap, results, results_files

_ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture
def runs(made_up_results, tmp_path):
    def make(**noises):
        paths = []
        for name, noise in noises.items():
            evaluated = made_up_results(["viper", "prid"], noise=noise, seed=len(paths))
            paths.append(tmp_path / name / "results.json")
            results_files.write(
                paths[-1], results.figures_of(evaluated, name), evaluated
            )
        return paths

    return make


def test_point_estimate_is_the_difference_of_the_printed_figures(runs):
    good, bad = runs(good=0.7, bad=1.5)
    compared = bootstrap.compare(good, bad, resamples=500)
    figures = [results_files.read(path) for path in (good, bad)]
    difference = figures[0]["mean"]["mAP"] - figures[1]["mean"]["mAP"]
    assert compared["difference"] == pytest.approx(difference, abs=2e-3)
    for name in ("viper", "prid"):
        means = [f["targets"][name]["mAP"]["mean"] for f in figures]
        assert compared["targets"][name]["difference"] == pytest.approx(
            means[0] - means[1], abs=2e-3
        )
    assert compared["excludes_zero"] and compared["interval"][0] > 0
    assert compared["identities"] == {"viper": 37, "prid": 37} or all(
        20 <= n <= 40 for n in compared["identities"].values()
    )
    assert compared["a"]["method"] == "good"


def test_order_of_runs_turns_the_sign(runs):
    good, bad = runs(good=0.7, bad=1.5)
    forth = bootstrap.compare(good, bad, resamples=300)
    back = bootstrap.compare(bad, good, resamples=300)
    assert back["difference"] == -forth["difference"]
    assert back["excludes_zero"] and back["interval"][1] < 0


def test_a_run_against_itself_is_zero(runs):
    (path,) = runs(good=0.7)
    compared = bootstrap.compare(path, path, resamples=200)
    assert compared["difference"] == 0 and compared["interval"] == [0, 0]
    assert not compared["excludes_zero"]


def write_run(path, rows):
    """A results file with these (target, trial, probe, person, AP)."""
    targets = {row[0]: {"trials_sha256": "x"} for row in rows}
    path.write_text(json.dumps({"method": path.stem, "targets": targets}))
    lines = [",".join(results_files.PROBE_COLUMNS)]
    lines += [",".join(map(str, row)) + ",1" for row in rows]
    results_files.probes_path(path).write_text("\n".join(lines) + "\n")


def test_identities_not_probes_are_drawn(tmp_path):
    # Persons 0..99, each in 10 trials with the same gain: 0 or 20 points, half each.
    # Mean 10. The means of 100 persons spread by 10 / sqrt(100) = 1 point, so the
    # interval is about 10 -+ 1.96; were the 1,000 probes drawn one by one, it
    # would be 10 -+ 0.62.
    a, b = [], []
    for person in range(100):
        for trial in range(10):
            gain = 0.2 if person < 50 else 0.0
            b.append(("viper", f"t{trial}", f"p{person}", person, 0.5))
            a.append((*b[-1][:-1], 0.5 + gain))
    write_run(tmp_path / "a.json", a)
    write_run(tmp_path / "b.json", b)
    compared = bootstrap.compare(tmp_path / "a.json", tmp_path / "b.json", 4000)
    assert compared["difference"] == pytest.approx(10.0)
    low, high = compared["interval"]
    assert low == pytest.approx(10 - 1.96, abs=0.3)
    assert high == pytest.approx(10 + 1.96, abs=0.3)
    assert compared["identities"] == {"viper": 100}


def test_the_draw_is_paired(tmp_path):
    # APs vary widely between persons, but A is above B by 1 point on each of them:
    # paired, the interval is a point.
    rng = np.random.default_rng(0)
    aps = rng.uniform(0.1, 0.9, 50)
    write_run(
        tmp_path / "b.json", [("prid", "t", f"p{i}", i, x) for i, x in enumerate(aps)]
    )
    write_run(
        tmp_path / "a.json",
        [("prid", "t", f"p{i}", i, x + 0.01) for i, x in enumerate(aps)],
    )
    compared = bootstrap.compare(tmp_path / "a.json", tmp_path / "b.json", 300)
    assert compared["interval"] == [1.0, 1.0] and compared["excludes_zero"]


def test_targets_weigh_the_same(tmp_path):
    # viper: 8 probes, +10 points; grid: 2 probes, +30 points; mean of targets +20.
    rows = [("viper", "t", f"v{i}", i, 0.5) for i in range(8)]
    rows += [("grid", "t", f"g{i}", i, 0.5) for i in range(2)]
    gains = [(*r[:-1], 0.6 if r[0] == "viper" else 0.8) for r in rows]
    write_run(tmp_path / "a.json", gains)
    write_run(tmp_path / "b.json", rows)
    compared = bootstrap.compare(tmp_path / "a.json", tmp_path / "b.json", 100)
    assert compared["difference"] == pytest.approx(20.0)


def test_other_trials_or_probes_are_refused(tmp_path):
    write_run(tmp_path / "a.json", [("viper", "t", "p", 1, 0.5)])
    write_run(tmp_path / "b.json", [("prid", "t", "p", 1, 0.5)])
    with pytest.raises(errors.UserError, match="not judged on the same .*prid, viper"):
        bootstrap.compare(tmp_path / "a.json", tmp_path / "b.json")
    write_run(tmp_path / "b.json", [("viper", "t", "q", 1, 0.5)])
    with pytest.raises(errors.UserError, match="do not list the same probes"):
        bootstrap.compare(tmp_path / "a.json", tmp_path / "b.json")


def test_launcher(runs, tmp_path):
    good, bad = runs(good=0.7, bad=1.5)
    output = tmp_path / "out" / "comparison.json"

    def launch(*flags):
        return subprocess.run(
            [sys.executable, "-m", "experiments.compare_runs", f"--a={good}", *flags],
            cwd=_ROOT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    done = launch(f"--b={bad}", f"--output={output}", "--resamples=200")
    assert done.returncode == 0, done.stderr
    expected = bootstrap.compare(good, bad, resamples=200)
    assert json.loads(done.stdout) == json.loads(output.read_text()) == expected
    done = launch(f"--b={tmp_path / 'none.json'}")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "none.json is no results file" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_seed_draws_the_interval_and_leaves_the_estimate(runs):
    good, bad = runs(good=0.7, bad=1.5)
    one, again, other = (
        bootstrap.compare(good, bad, resamples=200, seed=seed) for seed in (0, 0, 1)
    )
    assert one == again
    assert one["interval"] != other["interval"]
    assert one["difference"] == other["difference"]
