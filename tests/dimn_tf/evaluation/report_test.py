"""One call: table printed, every file written."""

import json

import pytest

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
