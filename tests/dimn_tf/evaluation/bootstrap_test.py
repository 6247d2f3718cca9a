"""Differences between runs, against hand arithmetic and theory."""

import json

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.evaluation import (
    bootstrap,
    options,
    report,
    results,
    results_files,
    targets,
)
from tests.dimn_tf.evaluation import colours
from tests.experiments import launcher


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
    for row in (compared, *compared["targets"].values()):
        for value in (row["difference"], *row["interval"]):
            assert value == round(value, 3)
    rows = [compared, *compared["targets"].values()]
    for values in ([row["difference"] for row in rows],
                   *zip(*(row["interval"] for row in rows), strict=True)):  # fmt: skip
        assert any(value != round(value, 2) for value in values)


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
    aps = {}
    for target, trial, _, _, ap in rows:
        of_trial = aps.setdefault(target, {}).setdefault(trial, [])
        of_trial += [] if ap == "" else [100 * ap]
    targets = {
        target: {
            "trials_sha256": "x",
            "mAP": {"mean": np.mean([np.mean(each) for each in trials.values()])},
        }
        for target, trials in aps.items()
    }
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
    # APs vary widely between persons, but A is above B by half a point on each of them:
    # paired, the interval is a point.
    rng = np.random.default_rng(0)
    aps = rng.uniform(0.1, 0.9, 50)
    write_run(
        tmp_path / "b.json", [("prid", "t", f"p{i}", i, x) for i, x in enumerate(aps)]
    )
    write_run(
        tmp_path / "a.json",
        [("prid", "t", f"p{i}", i, x + 0.005) for i, x in enumerate(aps)],
    )
    compared = bootstrap.compare(tmp_path / "a.json", tmp_path / "b.json", 300)
    assert compared["interval"] == [0.5, 0.5] and compared["excludes_zero"]
    turned = bootstrap.compare(tmp_path / "b.json", tmp_path / "a.json", 300)
    assert turned["interval"] == [-0.5, -0.5] and turned["excludes_zero"]


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
    write_run(tmp_path / "b.json", [("viper", "t", x, 1, 0.5) for x in "pqr"])
    told = "a.json and .*b.json do not list the same probes .1 and 3, 1 in common"
    with pytest.raises(errors.UserError, match=told):
        bootstrap.compare(tmp_path / "a.json", tmp_path / "b.json")
    told = "b.json and .*a.json do not list the same probes .3 and 1, 1 in common"
    with pytest.raises(errors.UserError, match=told):
        bootstrap.compare(tmp_path / "b.json", tmp_path / "a.json")
    for name in "ab":  # Two that say nothing of their trials.
        (tmp_path / f"{name}.json").write_text('{"targets": {"viper": {}}}')
    with pytest.raises(errors.UserError, match="not judged on the same .*viper"):
        bootstrap.compare(tmp_path / "a.json", tmp_path / "b.json")


def test_launcher(runs, tmp_path):
    good, bad = runs(good=0.7, bad=1.5)
    output = tmp_path / "out" / "comparison.json"
    flags = f"--a={good}", f"--output={output}"
    printed = launcher.launch("compare_runs", *flags, f"--b={bad}", "--resamples=200")
    expected = bootstrap.compare(good, bad, resamples=200)
    assert json.loads(printed) == json.loads(output.read_text()) == expected
    told = launcher.launch(
        "compare_runs", *flags, f"--b={tmp_path / 'none.json'}", code=1
    )
    assert told.startswith("error: ") and "none.json is no results file" in told


def test_what_a_run_was_trained_on_is_told(runs):
    good, bad = runs(good=0.7, bad=1.5)
    figures = json.loads(bad.read_text())
    figures["targets"]["prid"]["seen_in_training"] = {
        "persons": 3,
        "of_persons": 9,
        "images": 4,
        "of_images": 18,
    }
    bad.write_text(json.dumps(figures))
    compared = bootstrap.compare(good, bad, resamples=200)
    assert "trained_on" not in compared["a"]
    told = "TRAINED ON 3 of its 9 persons and 4 of its 18 images"
    assert compared["b"]["trained_on"] == {"prid": told}


def test_the_seed_draws_the_interval_and_leaves_the_estimate(runs):
    good, bad = runs(good=0.7, bad=1.5)
    one, again, other = (
        bootstrap.compare(good, bad, resamples=200, seed=seed) for seed in (0, 0, 1)
    )
    assert one == again
    assert one["interval"] != other["interval"]
    assert one["difference"] == other["difference"]


def test_one_identity_tells_no_interval(tmp_path):
    rows = [("viper", "t", f"p{i}", 7, 0.5) for i in range(5)]
    rows += [("viper", "t", "alone", 8, "")]  # Without a true match.
    write_run(tmp_path / "a.json", rows)
    with pytest.raises(errors.UserError, match="viper has 1 identity"):
        bootstrap.compare(tmp_path / "a.json", tmp_path / "a.json")


def test_identities_count_by_their_probes(tmp_path):
    # Person 0 has one probe and gains 30 points, person 1 has two and gains none: the
    # difference is 10 points, and resamples of the two have 0, 10 or 30 points.
    b = [("viper", "t", f"p{i}", min(i, 1), 0.5) for i in range(3)]
    a = [(*row[:-1], 0.8 if row[3] == 0 else 0.5) for row in b]
    write_run(tmp_path / "a.json", a)
    write_run(tmp_path / "b.json", b)
    compared = bootstrap.compare(tmp_path / "a.json", tmp_path / "b.json", 300)
    assert compared["difference"] == pytest.approx(10)
    assert compared["interval"] == [0, 30] and not compared["excludes_zero"]


def test_targets_are_resampled_apart_and_the_mean_with_them(tmp_path):
    # Two targets of 100 persons with gains of 0 or 20 points: the mean of each has a
    # standard error of 1 point, the mean of both, who vary apart, of 1 / sqrt(2).
    b = [
        (t, "t", f"{t}{i}", f"{t}{i}", 0.5)
        for t in ("viper", "grid")
        for i in range(100)
    ]
    a = [(*row[:-1], 0.5 + 0.2 * (k % 2)) for k, row in enumerate(b)]
    write_run(tmp_path / "a.json", a)
    write_run(tmp_path / "b.json", b)
    compared = bootstrap.compare(tmp_path / "a.json", tmp_path / "b.json", 4000)
    low, high = compared["interval"]
    assert high - low == pytest.approx(2 * 1.96 / 2**0.5, abs=0.3)
    for row in compared["targets"].values():
        low, high = row["interval"]
        assert high - low == pytest.approx(2 * 1.96, abs=0.4)


def test_blocks_hold_all_resamples(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    rows = [
        ("prid", "t", f"p{i}", i, round(x, 3)) for i, x in enumerate(rng.random(40))
    ]
    write_run(tmp_path / "b.json", [(*row[:-1], 0.5) for row in rows])
    write_run(tmp_path / "a.json", rows)
    sizes, differences = [], bootstrap._differences

    def watched(sums, counts, chosen=None):
        if chosen:
            sizes.append(len(chosen[0]))
        return differences(sums, counts, chosen)

    monkeypatch.setattr(bootstrap, "_differences", watched)
    monkeypatch.setattr(bootstrap, "_BLOCK", 1_000)
    compared = bootstrap.compare(tmp_path / "a.json", tmp_path / "b.json", 110)
    assert max(sizes) == 25 and compared["resamples"] == 110


def test_a_result_is_written_before_it_is_printed(runs, tmp_path, monkeypatch):
    def gone(*_, **__):
        raise BrokenPipeError

    (good,) = runs(good=0.7)
    output = tmp_path / "c.json"
    monkeypatch.setattr("builtins.print", gone)
    with pytest.raises(BrokenPipeError):
        launcher.run(
            "compare_runs", f"--a={good}", f"--b={good}", f"--output={output}",
            "--resamples=100",
        )  # fmt: skip
    assert json.loads(output.read_text())["difference"] == 0


def test_probes_of_another_run_are_refused(runs, tmp_path):
    """The last one's were once taken for both: a difference of 0.0 in [0.0, 0.0]."""
    good, bad = runs(good=0.7, bad=1.5)
    own = results_files.probes_path(bad).read_bytes()
    other = results_files.probes_path(good).read_bytes()
    results_files.probes_path(bad).write_bytes(other)
    told = r"bad/results\.json: the probes beside it give viper an mAP of .*Evaluate ag"
    for pair in ((good, bad), (bad, good)):
        with pytest.raises(errors.UserError, match=told):
            bootstrap.compare(*pair, resamples=200)
    results_files.probes_path(bad).write_bytes(own)
    assert bootstrap.compare(good, bad, resamples=200)["difference"] > 0


def test_a_run_on_corrected_labels_is_no_match_for_the_old_one(fake_records, tmp_path):
    """By --own_trials=splits the trials' hash knows the names alone."""

    def evaluate(name, persons):
        splits = ["probe"] * 4 + ["gallery"] * 4
        rows = [(s, f"{i}.png", p, 1) for i, (s, p) in enumerate(
            zip(splits, persons, strict=True))]  # fmt: skip
        records = fake_records("reid_folder:list.csv", rows)
        target = targets.target_of_records(records, asked)
        path = results_files.place(tmp_path / "results.json", [target], "dimn", 3, "x")
        report.evaluate_and_report(
            colours.Colours(), "dimn", [target], path, 8, 4, asked,
            flags={"unmatched_probes": "x"}, log=lambda _: None, step=3,
        )  # fmt: skip
        assert results_files.place(path, [target], "dimn", 3, "x") == path
        return path.rename(tmp_path / name) if name else path

    asked = options.EvaluationOptions(own_trials="splits", ranked_probes=0)
    old = evaluate("", [1, 2, 3, 4, 1, 2, 3, 4])
    before = old.read_bytes()
    new = evaluate("", [1, 2, 3, 4, 1, 2, 4, 3])
    assert new != old and old.read_bytes() == before
    hashes = [
        results_files.read(path)["targets"]["reid_folder:list.csv"]["trials_sha256"]
        for path in (old, new)
    ]
    assert hashes[0] == hashes[1]
    told = "persons or cameras differ in reid_folder:list.csv"
    with pytest.raises(errors.UserError, match=told):
        bootstrap.compare(old, new, resamples=100)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (("viper", "t", "p1", 7, 0.5), "probe p1 of viper, t is of person 1 in one an"),
        (
            ("viper", "t", "p1", 1, ""),
            "probe p1 of viper, t has a true match in .*a.js",
        ),
    ],
)
def test_a_probe_is_of_one_person_and_matched_in_both_or_neither(other, told, tmp_path):
    """Without a match in B alone it was a traceback, in A alone it was left out."""
    rows = [("viper", "t", f"p{i}", i, 0.5) for i in range(3)]
    write_run(tmp_path / "a.json", rows)
    write_run(tmp_path / "b.json", [rows[0], other, rows[2]])
    for pair in (("a", "b"), ("b", "a")):
        with pytest.raises(errors.UserError, match=told if pair[0] == "a" else "p1 of"):
            bootstrap.compare(*(tmp_path / f"{name}.json" for name in pair))
