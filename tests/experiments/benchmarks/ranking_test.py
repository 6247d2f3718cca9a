"""The ranking benchmark runs and prints one JSON line."""

import json
import pathlib
import subprocess
import sys

_ROOT = pathlib.Path(__file__).resolve().parents[3]


def run(*flags):
    return subprocess.run(
        [sys.executable, "-m", "experiments.benchmarks.ranking", *flags],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_prints_one_json_line():
    done = run(
        "--probes=40", "--gallery=300", "--identities=20", "--distractors=60",
        "--repeats=2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    figures = json.loads(line)
    assert (figures["probes"], figures["gallery"]) == (40, 300)
    assert 0 < figures["mAP"] < 1
    assert 0 < figures["ranking_seconds"] and 0 < figures["argsort_seconds"]
    ratio = figures["ranking_seconds"] / figures["argsort_seconds"]
    assert abs(figures["ranking_over_argsort"] - ratio) < 0.1 * ratio + 0.01


def test_too_small_a_gallery_is_refused():
    done = run("--probes=40", "--gallery=30", "--identities=20", "--distractors=0")
    assert done.returncode != 0
    assert "two images of each identity" in done.stderr + done.stdout
