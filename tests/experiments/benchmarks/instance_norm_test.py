"""The benchmark of instance norm runs and prints one JSON line."""

import json

from tests.experiments.launcher import launch


def test_prints_one_json_line():
    printed = launch(
        "benchmarks.instance_norm", "--height=32", "--width=32", "--images=4",
        "--encoder_width=0.35", "--through=block_1", "--rounds=1",
    )  # fmt: skip
    figures = json.loads(printed.splitlines()[-1])
    assert figures["places"] == 3
    times = figures["milliseconds"]
    assert set(times) == {"batch_norm", "instance_norm", "elementary"}
    assert all(value > 0 for value in times.values())


def test_an_unknown_place_is_refused():
    told = launch("benchmarks.instance_norm", "--through=nowhere", code=1)
    assert "--instance_norm_through=nowhere: mobilenet_v2 has no such place" in told
