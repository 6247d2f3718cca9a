"""The few-shot benchmark runs and prints one JSON line."""

import json

from tests.experiments.launcher import launch


def test_prints_one_json_line():
    printed = launch(
        "benchmarks.fewshot", "--images=16", "--episodes=4", "--size=16", "--rounds=2"
    )
    figures = json.loads(printed.splitlines()[-1])
    assert (figures["episodes"], figures["test_images"]) == (4, 320)
    assert figures["train_episodes_per_second"] > 0
    assert 0 < figures["encoding_seconds"] and 0 < figures["evaluation_seconds"]
    ratio = figures["train_images_per_second"] / figures["train_episodes_per_second"]
    assert 60 < ratio < 68  # Two images of each of 32 classes.
    assert figures["train_classes"] == [32, 64]
