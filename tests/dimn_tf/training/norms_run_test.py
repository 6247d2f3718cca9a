"""Runs whose encoder has instance norms and a neck."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.encoders import instance_norm
from dimn_tf.training import build, training_log, workdir
from tests.dimn_tf.training import tiny_run

NORMS = {"instance_norm_through": "stem", "feature_neck": True}
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
def test_a_killed_run_goes_on_bit_for_bit_and_moves_both_norms(method, tmp_path):
    given = {"method": method, **NORMS}
    whole = tiny_run.same_when_killed(tmp_path, **given)
    kinds = [type(layer) for layer in whole.encoder.backbone.layers]
    assert instance_norm.InstanceNormalization in kinds
    moved = whole.encoder.backbone.get_layer("stem_instance_norm")
    assert np.abs(moved.gamma - 1).max() > 0 and np.abs(moved.beta).max() > 0
    assert np.abs(whole.encoder.neck.gamma - 1).max() > 0
    assert np.abs(whole.encoder.neck.moving_mean).max() > 0
    recipe = tiny_run.recipe_of(**given)
    restored, _ = build.restored(recipe, workdir.WorkDir(tmp_path / "whole"))
    images = np.random.default_rng(0).uniform(0, 255, (6, 16, 8, 3)).astype("float32")
    np.testing.assert_array_equal(restored.embed(images), whole.embed(images))


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_trains_with_norms(precision, tmp_path):
    trained = tiny_run.train(tmp_path, log=_quiet, precision=precision, **NORMS)
    layer = trained.encoder.backbone.get_layer("stem_instance_norm")
    assert layer.compute_dtype == precision.removeprefix("mixed_")
    assert trained.encoder.neck.compute_dtype == "float32"
    held = {v.dtype for v in trained.variables if tf.as_dtype(v.dtype).is_floating}
    assert held == {"float32"} and keras.config.dtype_policy().name == "float32"
    rows = training_log.read(tmp_path / "training_log.csv")
    assert all(np.isfinite(row["loss"]) for row in rows)


def test_a_method_that_matches_by_parts_takes_no_neck():
    tiny_run.install()
    with pytest.raises(errors.UserError, match="--feature_neck: --method=pcb does not"):
        tiny_run.recipe_of("pcb", feature_neck=True)


@pytest.mark.slow
def test_such_a_method_has_instance_norms(tmp_path):
    given = {"method": "pcb", "instance_norm_through": "stem"}
    whole = tiny_run.same_when_killed(tmp_path, **given)
    moved = whole.encoder.backbone.get_layer("stem_instance_norm")
    assert np.abs(moved.gamma - 1).max() > 0 and np.abs(moved.beta).max() > 0
