"""The training step's benchmark: its account of a step, and one short run."""

import json

import pytest

from experiments.benchmarks import train_step
from tests.experiments.launcher import launch


@pytest.mark.parametrize(
    ("size", "of_image"), [((128, 64, 1.0), 49e6), ((256, 128, 1.4), 379e6)]
)
def test_multiply_adds_are_the_networks(size, of_image):
    dimension = 1792 if size[2] > 1 else 1280
    of_pair = 2 * of_image + dimension**2 + 2 * dimension * 18_530
    found = train_step.multiply_adds(*size, pairs=32)
    assert found == pytest.approx(3 * 32 * of_pair, rel=0.02)


@pytest.mark.slow
def test_prints_one_json_line():
    printed = launch(
        "benchmarks.train_step", "--height=64", "--width=64", "--encoder_width=0.35",
        "--rounds=1", "--variants=instance_norm,frozen,half_size",
    )  # fmt: skip
    figures = json.loads(printed.splitlines()[-1])
    assert figures["speedup_over_stock_keras"] > 0
    assert set(figures["variants"]) == {"instance_norm", "frozen", "half_size"}
    limits = figures["limits"]
    assert all(value > 0 for value in limits.values()) and len(limits) == 6
    rate = limits["float32_giga_multiply_adds_per_second"]
    share = limits["step_giga_multiply_adds"] / rate / figures["step_seconds"]["ours"]
    assert share == pytest.approx(
        limits["share_of_the_step_at_the_float32_rate"], rel=0.1, abs=0.01
    )


def test_an_unknown_variant_is_refused():
    told = launch("benchmarks.train_step", "--variants=int8", code=1)
    assert "--variants=int8: there is no int8; known: bfloat16, " in told
