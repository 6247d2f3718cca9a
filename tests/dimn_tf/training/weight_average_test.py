"""The mean of a run's weights against a mean by hand, and a kill in between."""

from typing import ClassVar

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config as tensorflow_config

from dimn_tf import errors
from dimn_tf.training import build, run, weight_average, workdir
from tests.dimn_tf.methods import tiny
from tests.dimn_tf.training import tiny_run

METHODS = ["dimn", "aggregation"] + [
    pytest.param(name, marks=pytest.mark.slow)
    for name in ("pcb", "aligned_reid", "reptile", "mldg", "crossgrad")
]


def _quiet(line):
    del line


@pytest.fixture
def deterministic():
    tensorflow_config.enable_op_determinism()
    yield
    tensorflow_config.disable_op_determinism()


def test_the_mean_is_of_the_steps_after_the_first_ones():
    layer = keras.layers.Dense(1, use_bias=False, name="some")
    layer.build((None, 2))
    average = weight_average.WeightAverage(layer.trainable_variables, first_step=2)
    add = tf.function(average.add)
    for step in range(1, 6):
        layer.kernel.assign([[float(step)], [10.0 * step * step]])
        add()
        if step == 2:
            np.testing.assert_array_equal(average.means[0], [[0.0], [0.0]])
    assert int(average.step) == 5
    # Steps 3, 4 and 5.
    np.testing.assert_allclose(average.means[0], [[4.0], [10 * (9 + 16 + 25) / 3]])
    np.testing.assert_array_equal(layer.kernel, [[5.0], [250.0]])
    average.put_in_place()
    np.testing.assert_allclose(layer.kernel, [[4.0], [500 / 3]], rtol=1e-6)


def test_statistics_are_plain_means_over_the_batches():
    class Method(keras.Model):
        def __init__(self):
            super().__init__()
            self.norm = keras.layers.BatchNormalization(momentum=0.9)
            self.norm.build((None, 3))

        def statistics_step(self, batch, number):
            self.norm(batch, training=True)

    method = Method()
    method.norm.moving_mean.assign([7.0, 8.0, 9.0])
    rng = np.random.default_rng(0)
    batches = [rng.normal(i, 1 + i, (5, 3)).astype("float32") for i in range(4)]
    weight_average.estimate_statistics(method, batches)
    np.testing.assert_allclose(
        method.norm.moving_mean,
        np.mean([b.mean(0) for b in batches], axis=0),
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        method.norm.moving_variance,
        np.mean([b.var(0) for b in batches], axis=0),
        rtol=1e-5,
    )
    assert method.norm.momentum == 0.9


class _Watching(weight_average.Finish):
    """Keeps every step's weights before it does its work."""

    every = 1
    held: ClassVar[dict[int, dict[str, np.ndarray]]] = {}

    def look(self, look):
        trained = [v for v in self._method.inference_variables if v.trainable]
        self.held[look.step] = {v.path: v.numpy() for v in trained}
        super().look(look)


@pytest.mark.parametrize("method", METHODS)
def test_a_run_ends_with_the_mean_and_goes_on_bit_for_bit(
    method, tmp_path, monkeypatch, deterministic
):
    given = {"method": method, "average_weights_from": 0.4}
    with monkeypatch.context() as patch:
        patch.setattr(weight_average, "Finish", _Watching)
        whole = tiny_run.train(tmp_path / "whole", log=_quiet, **given)
    assert sorted(_Watching.held) == list(range(1, 11))
    moved = []
    for variable in whole.inference_variables:
        if variable.trainable:
            of_steps = [_Watching.held[i][variable.path] for i in range(5, 11)]
            expected = np.mean(of_steps, axis=0)
            np.testing.assert_allclose(variable, expected, rtol=1e-4, atol=1e-6)
            moved.append(np.abs(expected - of_steps[-1]).max())
    assert max(moved) > 1e-4
    # Killed before the mean begins, amid it, and at the end.
    for step in (3, 7, 10):
        folder = tmp_path / f"killed{step}"
        tiny_run.train_until(folder, step, checkpoint_every=4, **given)
        resumed = tiny_run.train(folder, log=_quiet, checkpoint_every=4, **given)
        found = tiny_run.variables(resumed)
        for path, value in tiny_run.variables(whole).items():
            np.testing.assert_array_equal(value, found[path], err_msg=path)
    recipe = tiny_run.recipe_of(**given)
    restored, step = build.restored(recipe, workdir.WorkDir(tmp_path / "whole"))
    assert step == 10
    images = np.random.default_rng(0).uniform(0, 255, (6, 16, 8, 3)).astype("float32")
    np.testing.assert_array_equal(restored.embed(images), whole.embed(images))


def test_statistics_are_those_of_the_mean_weights(tmp_path):
    given = {"average_weights_from": 0.4, "train_steps": 6}
    trained = tiny_run.train(tmp_path, log=_quiet, **given)
    before = [v.numpy() for v in trained.inference_variables]
    prepared = run.prepare(
        tiny_run.recipe_of(**given), workdir.WorkDir(tmp_path), "", _quiet
    )
    (part,) = trained.phases(6)
    batches = list(prepared.fed.for_statistics(part))
    assert len(batches) == weight_average.STATISTICS_BATCHES
    norm = trained.encoder.backbone.get_layer("norm")
    norm.moving_mean.assign(norm.moving_mean + 1)
    weight_average.estimate_statistics(trained, batches)
    for a, b in zip(before, trained.inference_variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    # By hand: of the convolution's outputs, each batch by itself.
    images = [tf.reshape(b["images"], (-1, 16, 8, 3)) for b in batches]
    convolution = trained.encoder.backbone.get_layer("convolution")
    outputs = [convolution(x / 127.5 - 1).numpy() for x in images]
    np.testing.assert_allclose(
        norm.moving_mean,
        np.mean([o.mean((0, 1, 2)) for o in outputs], axis=0),
        atol=1e-5,
    )
    np.testing.assert_allclose(
        norm.moving_variance,
        np.mean([o.var((0, 1, 2)) for o in outputs], axis=0),
        rtol=1e-4,
    )


def test_without_the_flag_nothing_is_averaged():
    recipe = tiny_run.recipe_of()
    assert weight_average.asked_for(recipe, None, 1) is None


def test_a_method_of_phases_is_refused():
    tiny_run.install()
    recipe = tiny_run.recipe_of("ppa", average_weights_from=0.5)
    with pytest.raises(errors.UserError, match="--method=ppa trains with these opt"):
        weight_average.asked_for(recipe, tiny.method("ppa", 9), 2)
    with pytest.raises(errors.UserError, match="--method=ppa trains with these opt"):
        weight_average.refuse_phases(recipe, tiny.method("ppa", 9), 2)
    # One phase, of another kind than what estimates the statistics.
    alone = {"pcb_refined_alone_share": 0.0, "pcb_refined_share": 1.0}
    recipe = tiny_run.recipe_of("pcb_refined", average_weights_from=0.5, **alone)
    method = tiny.method("pcb_refined", 9, **alone)
    with pytest.raises(errors.UserError, match="--method=pcb trains with these opt"):
        weight_average.asked_for(recipe, method, len(method.phases(10)))
    pcb = tiny.method("pcb", 9)
    recipe = tiny_run.recipe_of("pcb", average_weights_from=0.5)
    assert weight_average.asked_for(recipe, pcb, 1)


def test_a_refused_run_is_begun_in_the_same_place_without_the_flag(
    tmp_path, monkeypatch
):
    tiny_run.keep_globals(monkeypatch)
    given = {"method": "ppa", "log": lambda line: None}
    with pytest.raises(errors.UserError, match="--average_weights_from=0.5"):
        tiny_run.train(tmp_path, average_weights_from=0.5, **given)
    tiny_run.train(tmp_path, **given)


def test_a_step_at_least_is_averaged():
    recipe = tiny_run.recipe_of(average_weights_from=0.99)
    made = weight_average.asked_for(recipe, tiny.method("dimn", 9), 1)
    assert made.first_step == 9
    assert {v.path for v in made.averaged} == {
        "only/kernel", "only/bias", "mapping/kernel"
    }  # fmt: skip
