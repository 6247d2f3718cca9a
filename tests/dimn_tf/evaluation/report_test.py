"""One call: table printed, every file written."""

import json

import pytest

from dimn_tf import errors, progress
from dimn_tf.evaluation import options, report, results_files, targets
from tests.dimn_tf.evaluation import colours


@pytest.fixture
def domains(fake_records):
    rows = [("all", f"{p}_{c}.png", 3 * p, c) for p in range(12) for c in range(2)]
    domains = ("plaza", "night_market")
    records = [fake_records(f"synthetic_reid/{name}", rows) for name in domains]
    return [targets.target_of_records(r) for r in records]


def test_everything_is_written(domains, tmp_path):
    printed = []
    path = tmp_path / "results_initial.json"
    figures = report.evaluate_and_report(
        colours.Colours(), "dimn", domains, path, 8, 4, flags={"seed": 0},
        log=printed.append, step=7,
    )  # fmt: skip
    assert figures["step"] == 7
    assert "synthetic_reid/plaza" in printed[0] and "mean of 2 targets" in printed[0]
    files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*"))
    assert files == [
        "results_initial.json",
        "results_initial_cmc.png",
        "results_initial_probes.csv",
        "results_initial_ranked/synthetic_reid_night_market.png",
        "results_initial_ranked/synthetic_reid_plaza.png",
    ]
    written = json.loads(path.read_text())
    assert written["targets"] == figures["targets"] and written["flags"] == {"seed": 0}
    day = written["targets"]["synthetic_reid/plaza"]
    # Euclidean distance is this method's own score: diagnosis and score agree.
    assert day["diagnosis"]["euclidean"] == {
        m: day[m] for m in day["diagnosis"]["euclidean"]
    }
    assert len(results_files.read_probes(path)) == 2 * 10 * 12


def test_pictures_can_be_left_out(domains, tmp_path):
    chosen = options.EvaluationOptions(ranked_probes=0)
    report.evaluate_and_report(
        colours.Colours(),
        "x",
        domains[:1],
        tmp_path / "r.json",
        8,
        4,
        chosen,
        log=lambda _: None,
    )
    assert not (tmp_path / "r_ranked").exists() and (tmp_path / "r_cmc.png").exists()


class _Gone:
    """A stdout whose reader has gone."""

    def write(self, text):
        raise BrokenPipeError

    def flush(self):
        raise BrokenPipeError


@pytest.mark.parametrize("error", [BrokenPipeError, OSError, UnicodeEncodeError])
def test_what_cannot_be_told_is_written_all_the_same(domains, tmp_path, error):
    def log(text):
        # All of it is there before anything is told.
        told.append(sorted(p.name for p in tmp_path.rglob("*.*")))
        raise error("ascii", text, 0, 1, "±") if error is UnicodeEncodeError else error

    told = []
    path = tmp_path / "r.json"
    with pytest.raises(error):
        report.evaluate_and_report(
            colours.Colours(), "dimn", domains[:1], path, 8, 4, log=log
        )
    assert told == [["r.json", "r_cmc.png", "r_probes.csv", "synthetic_reid_plaza.png"]]
    assert results_files.read(path)["method"] == "dimn"


def test_a_stdout_that_is_closed_early_loses_no_ranking(domains, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdout", _Gone())
    monkeypatch.setattr(progress, "_SHORT_SECONDS", 0)
    path = tmp_path / "r.json"
    with pytest.raises(BrokenPipeError):
        report.evaluate_and_report(colours.Colours(), "dimn", domains[:1], path, 8, 4)
    assert path.is_file() and (tmp_path / "r_cmc.png").is_file()


def test_pictures_of_targets_that_are_called_alike_do_not_replace_each_other():
    targets = ["a/b", "a_b", "viper", "ü" * 300, "ü" * 301, "reid_folder:b\udcf6"]
    names = report._picture_names(targets)
    assert len(set(names)) == 6 and names[2] == "viper.png"
    assert names == report._picture_names(targets)
    assert all(len(name.encode()) <= 100 and "/" not in name for name in names)
    assert names[0].startswith("a_b_") and names[0] != names[1]


def test_the_picture_is_of_the_first_trial_and_says_so(domains, tmp_path, monkeypatch):
    painted = []
    monkeypatch.setattr(
        report.ranked_pictures, "paint", lambda *given: painted.append(given)
    )
    report.evaluate_and_report(
        colours.Colours(), "dimn", domains, tmp_path / "r.json", 8, 4,
        options.EvaluationOptions(ranked_probes=3), log=lambda _: None,
    )  # fmt: skip
    for (rows, records, path, title), target in zip(painted, domains, strict=True):
        first = target.trials[0]
        assert [row.probe for row in rows] == first.probe_indices[[0, 6, 11]].tolist()
        assert records is target.records
        assert path.stem == target.name.replace("/", "_")
        assert title == (f"dimn on {target.name}, trial1: best 10 of 12 gallery images")


def test_one_probe_makes_a_picture(domains, tmp_path):
    one = options.EvaluationOptions(ranked_probes=1)
    report.evaluate_and_report(
        colours.Colours(), "x", domains[:1], tmp_path / "r.json", 8, 4, one,
        log=lambda _: None,
    )  # fmt: skip
    assert (tmp_path / "r_ranked" / "synthetic_reid_plaza.png").is_file()


def test_options_reach_the_evaluator(domains, tmp_path, monkeypatch):
    asked, evaluate = [], report.evaluator.evaluate_target

    def watched(*given, **named):
        asked.append((given[4], named))
        return evaluate(*given, **named)

    monkeypatch.setattr(report.evaluator, "evaluate_target", watched)
    chosen = options.EvaluationOptions(
        evaluation_batch_size=5, unmatched_probes="apart", ranked_probes=0
    )
    report.evaluate_and_report(
        colours.Colours(), "dimn", domains[:1], tmp_path / "r.json", 8, 4, chosen,
        log=lambda _: None,
    )  # fmt: skip
    assert asked == [(5, {"unmatched_probes": "apart"})]


def test_a_place_whose_neighbours_others_would_share_is_refused_first(
    domains, tmp_path
):
    with pytest.raises(errors.UserError, match="eval.trained: found the ending"):
        report.evaluate_and_report(
            colours.Colours(), "dimn", domains, tmp_path / "eval.trained", 8, 4
        )
    assert not domains[0].records.reads and not list(tmp_path.iterdir())
