"""Building a method: what its parts get, and what the process keeps."""

import random

import keras
import numpy as np
import pytest

from dimn_tf.training import build
from tests.dimn_tf.methods import tiny
from tests.dimn_tf.training import tiny_run


@pytest.fixture(autouse=True)
def _restore_globals(monkeypatch):
    from dimn_tf.data import records
    from dimn_tf.encoders import encoder

    monkeypatch.setattr(records, "load_records", records.load_records)
    monkeypatch.setattr(encoder, "BACKBONES", dict(encoder.BACKBONES))
    tiny_run.install()


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_building_changes_nothing_of_the_process(precision):
    recipe = tiny_run.recipe_of(precision=precision)
    before = random.getstate(), np.random.get_state()[1].tolist()
    build.for_training(recipe, tiny.labels(9))
    build.for_inference(recipe, restored=False)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    assert keras.config.dtype_policy().name == "float32"


def test_the_start_is_the_seeds_wherever_it_is_built():
    recipe = tiny_run.recipe_of(seed=4)
    first = build.for_training(recipe, tiny.labels(9)).get_weights()
    random.random()
    again = build.for_training(recipe, tiny.labels(9)).get_weights()
    other = build.for_training(tiny_run.recipe_of(seed=5), tiny.labels(9)).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    # The untrained start that is evaluated is the one that is trained.
    start = build.for_inference(recipe, restored=False)
    trained = build.for_training(recipe, tiny.labels(9))
    pairs = zip(start.inference_variables, trained.inference_variables, strict=True)
    for a, b in pairs:
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_the_optimiser_has_its_options():
    recipe = tiny_run.recipe_of(
        adam_epsilon=0.25, weight_decay=0.5, learning_rate_start=0.125
    )
    optimizer = build.for_training(recipe, tiny.labels(9)).optimizer
    assert optimizer.epsilon == 0.25
    assert optimizer.weight_decay == 0.5
    assert float(optimizer.learning_rate) == 0.125
