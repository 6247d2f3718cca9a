"""Runs by all of our options together, with the real encoder, on made-up sources."""

import ast
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf.training import training_log
from tests.dimn_tf.training import tiny_run

_FILE = pathlib.Path(__file__).resolve().parents[3] / "dg_small_strong.flags"
_SMALL = {
    "encoder": "mobilenet_v2",
    "encoder_width": 0.35,
    "image_height": 64,
    "image_width": 32,
    "train_steps": 10,
    "warmup_steps": 3,
    "checkpoint_every": 5,
    "log_every": 2,
}
_MORE = {
    "feature_triplet_weight": 1.0,
    "cross_camera_pairs": True,
    "hard_share": 0.5,
    "hard_group": 2,
    "hard_search_every": 4,
    "frozen_through": "block_3",
}

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def tiny_world(monkeypatch):
    tiny_run.keep_globals(monkeypatch)


def _options(**changes):
    """Those of dg_small_strong.flags but for places, at a small size."""
    values = {}
    for line in _FILE.read_text().splitlines():
        if line.startswith("--"):
            name, given, value = line.removeprefix("--").partition("=")
            try:
                values[name] = ast.literal_eval(value) if given else True
            except (SyntaxError, ValueError):
                values[name] = value
    for name in ("workdir", "sources", "targets", "evaluate_every"):
        del values[name]
    assert values["mirror"] and values["average_weights_from"] == 0.4
    return {**values, **_SMALL, **changes}


def _quiet(line):
    del line


def test_a_killed_run_goes_on_bit_for_bit(tmp_path):
    whole = tiny_run.same_when_killed(tmp_path, **_options())
    assert whole.encoder.neck is not None and whole.options.logit_scale == 14


def test_so_does_one_with_what_was_dropped_too_from_another_run(tmp_path):
    first = tmp_path / "first"
    tiny_run.train(first, log=_quiet, **_options())
    given = _options(init_from=str(first), **_MORE)
    whole = tiny_run.same_when_killed(tmp_path, **given)
    assert not whole.encoder.backbone.get_layer("block_2_project").trainable


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_trains(precision, tmp_path):
    given = _options(precision=precision, feature_triplet_weight=1.0)
    trained = tiny_run.train(tmp_path, log=_quiet, **given)
    held = {v.dtype for v in trained.variables if tf.as_dtype(v.dtype).is_floating}
    assert held == {"float32"}
    rows = training_log.read(tmp_path / "training_log.csv")
    assert rows and all(np.isfinite(row["loss"]) for row in rows)
