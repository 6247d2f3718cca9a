"""Runs whose first stage is not trained."""

import numpy as np
import pytest

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


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_run_goes_on_bit_for_bit_and_keeps_the_first_stage(method, tmp_path):
    given = {"method": method, **FROZEN}
    whole = tiny_run.same_when_killed(tmp_path, **given)
    start = build.for_inference(tiny_run.recipe_of(**given), restored=False)
    networks = [made.encoder.backbone for made in (start, whole)]
    for name in ("convolution", "norm", "more"):
        one, other = (network.get_layer(name).get_weights() for network in networks)
        assert np.array_equal(one[0], other[0]) == (name != "more"), name
        if name == "norm":
            np.testing.assert_array_equal(one, other)
