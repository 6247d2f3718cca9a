"""Runs whose first stage is not trained."""

import numpy as np
import pytest
from tensorflow.python.framework import config as tensorflow_config

from dimn_tf.training import build
from tests.dimn_tf.training import tiny_run

FROZEN = {"encoder": "tiny_deep", "frozen_through": "stem"}
METHODS = [
    "dimn",
    "aggregation",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("aligned_reid", "ppa_linear", "reptile", "mldg", "crossgrad")
    ),
]


@pytest.fixture(autouse=True)
def tiny_world(monkeypatch):
    tiny_run.keep_globals(monkeypatch)


def _quiet(line):
    del line


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_run_goes_on_bit_for_bit_and_keeps_the_first_stage(method, tmp_path):
    given = {"method": method, **FROZEN}
    tensorflow_config.enable_op_determinism()
    try:
        whole = tiny_run.train(tmp_path / "whole", log=_quiet, **given)
        tiny_run.train_until(tmp_path / "killed", 7, **given)
        resumed = tiny_run.train(tmp_path / "killed", log=_quiet, **given)
    finally:
        tensorflow_config.disable_op_determinism()
    expected, found = tiny_run.variables(whole), tiny_run.variables(resumed)
    for path, value in expected.items():
        np.testing.assert_array_equal(value, found[path], err_msg=path)
    start = build.for_inference(tiny_run.recipe_of(**given), restored=False)
    networks = [made.encoder.backbone for made in (start, whole)]
    for name in ("convolution", "norm", "more"):
        one, other = (network.get_layer(name).get_weights() for network in networks)
        assert np.array_equal(one[0], other[0]) == (name != "more"), name
        if name == "norm":
            np.testing.assert_array_equal(one, other)
