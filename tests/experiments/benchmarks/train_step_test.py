"""The training step's benchmark: one short run."""

import json

import pytest

from tests.experiments.launcher import launch


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
    moved = limits.pop("step_gigabytes")
    assert all(value > 0 for value in limits.values()) and len(limits) == 6
    rate = limits["float32_giga_multiply_adds_per_second"]
    share = limits["step_giga_multiply_adds"] / rate / figures["step_seconds"]["ours"]
    assert share == pytest.approx(
        limits["share_of_the_step_at_the_float32_rate"], rel=0.1, abs=0.01
    )
    share = sum(moved.values()) / limits["copy_gigabytes_per_second"]
    share /= figures["step_seconds"]["ours"]
    assert share == pytest.approx(
        limits["share_of_the_step_at_the_copys_rate"], rel=0.2, abs=0.01
    )


def test_an_unknown_variant_is_refused():
    told = launch("benchmarks.train_step", "--variants=int8", code=1)
    assert "--variants=int8: there is no int8; known: bfloat16, " in told
