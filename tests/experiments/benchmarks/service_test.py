"""The benchmark of the service runs and prints one JSON line; kills lose nothing."""

import json

from tests.experiments.launcher import launch


def test_prints_one_json_line(dimn_export, tmp_path):
    printed = launch(
        "benchmarks.service", f"--model={dimn_export.folder}", "--callers=1,3",
        "--entries=5", "--seconds=0.5", "--rounds=1", "--kills=2",
        f"--scratch={tmp_path}",
    )  # fmt: skip
    figures = json.loads(printed.splitlines()[-1])
    assert figures["entries"] == 5 and figures["runtime"] == "onnx"
    for count in ("1", "3"):
        row = figures["callers"][count]
        assert row["images_a_second"] > 0 and 0 < row["of_bare"]
        assert 0 < row["p50_ms"] <= row["p99_ms"]
    assert figures["kills"]["kills"] == 2 and figures["kills"]["lost"] == 0
    assert figures["kills"]["there"] >= figures["kills"]["acknowledged"] > 0
    assert not list(tmp_path.iterdir())
