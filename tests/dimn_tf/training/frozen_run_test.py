"""Runs whose first stage is not trained."""

import numpy as np
import pytest

from dimn_tf import encoders, errors
from dimn_tf.training import build
from tests.dimn_tf.training import tiny_run

FROZEN = {"encoder": "tiny_deep", "frozen_through": "stem"}
METHODS = [
    "dimn",
    "aggregation",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in (
            "aligned_reid",
            "ppa_linear",
            "pcb",
            "reptile",
            "mldg",
            "crossgrad",
        )
    ),
]


@pytest.fixture(autouse=True)
def tiny_world(monkeypatch):
    tiny_run.keep_globals(monkeypatch)


@pytest.fixture
def weights(tmp_path):
    """A file of some start's weights."""
    tiny_run.install()
    size = {"height": tiny_run.HEIGHT, "width": tiny_run.WIDTH}
    path = tmp_path / "start.weights.h5"
    encoders.build_encoder("tiny_deep", **size).backbone.save_weights(path)
    return str(path)


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_run_goes_on_bit_for_bit_and_keeps_the_first_stage(
    method, weights, tmp_path
):
    given = {"method": method, "encoder_weights": weights, **FROZEN}
    whole = tiny_run.same_when_killed(tmp_path, **given)
    start = build.for_inference(tiny_run.recipe_of(**given), restored=False)
    networks = [made.encoder.backbone for made in (start, whole)]
    for name in ("convolution", "norm", "more"):
        one, other = (network.get_layer(name).get_weights() for network in networks)
        assert np.array_equal(one[0], other[0]) == (name != "more"), name
        if name == "norm":
            np.testing.assert_array_equal(one, other)


def test_random_stages_are_not_kept(weights, tmp_path):
    expected = "--frozen_through=stem: with --encoder_weights=none these stages would"
    with pytest.raises(errors.UserError, match=expected):
        tiny_run.train(tmp_path / "random", log=lambda line: None, **FROZEN)
    assert not (tmp_path / "random" / "checkpoints").exists()
    first = tmp_path / "first"
    tiny_run.train(first, log=lambda line: None, encoder="tiny_deep")
    other = tmp_path / "other"  # Another run's encoder will do.
    tiny_run.train(other, log=lambda line: None, init_from=str(first), **FROZEN)
