"""What every method must do; a method joins by its line in `methods.METHODS`.

`tiny.VARIANTS` adds a method again with a flag that makes it train in another way.
"""

import contextlib
import functools
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config as tensorflow_config

from dimn_tf import errors, methods
from dimn_tf.data import records
from dimn_tf.encoders import encoder as encoders
from dimn_tf.export import exporter, served_model
from dimn_tf.training import build, checkpoints, run, training_log, workdir
from tests.dimn_tf.export import made_up
from tests.dimn_tf.methods import tiny
from tests.dimn_tf.training import tiny_run

# These two go through all that methods share; the others' turn is `make test-all`.
_QUICK = ("dimn", "aggregation")
pytestmark = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in _QUICK else pytest.mark.slow)
        for name in tiny.CASES
    ],
)


@pytest.fixture(scope="module", autouse=True)
def tiny_world():
    """Made-up sources and a tiny encoder, known by their names."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(records, "load_records", records.load_records)
        monkeypatch.setattr(encoders, "BACKBONES", dict(encoders.BACKBONES))
        tiny_run.install()
        yield


@contextlib.contextmanager
def _deterministic():
    """What `--deterministic` does, undone afterwards (by what TensorFlow hides)."""
    tensorflow_config.enable_op_determinism()
    try:
        yield
    finally:
        tensorflow_config.disable_op_determinism()


def _quiet(line):
    del line


@pytest.fixture(scope="module")
def whole_runs(tmp_path_factory):
    """Name -> folder and method of a deterministic run; nobody changes either."""

    @functools.cache
    def trained(name):
        folder = tmp_path_factory.mktemp("whole")
        with _deterministic():
            return folder, tiny_run.train(folder, log=_quiet, method=name)

    return trained


def test_five_and_five_steps_with_a_kill_equal_ten(name, tmp_path, whole_runs):
    folder, whole = whole_runs(name)
    log = tmp_path / "training_log.csv"
    lines = []
    with _deterministic():
        # Killed two steps after the checkpoint of step 5: those two are done again.
        tiny_run.train_until(tmp_path, 7, method=name)
        assert [row["step"] for row in training_log.read(log)] == [2, 4, 6]
        resumed = tiny_run.train(tmp_path, log=lines.append, method=name)
    assert any("Going on from" in line and "step 5 of 10" in line for line in lines)
    expected, found = tiny_run.variables(whole), tiny_run.variables(resumed)
    assert expected.keys() == found.keys()
    for path, value in expected.items():
        np.testing.assert_array_equal(value, found[path], err_msg=path)
    rows = [training_log.read(path) for path in (folder / log.name, log)]
    assert [row["step"] for row in rows[1]] == [2, 4, 6, 8, 10]
    for a, b in zip(*rows, strict=True):
        # Step 6 of the resumed run averages one step, not two.
        if a["step"] != 6:
            a.pop("images_per_second"), b.pop("images_per_second")
            assert a == b


def test_inference_restores_what_it_needs_and_makes_no_more(name, whole_runs):
    folder, trained = whole_runs(name)
    recipe = tiny_run.recipe_of(method=name)
    restored, step = build.restored(recipe, workdir.WorkDir(folder))
    assert step == 10
    assert restored.variables == restored.inference_variables
    assert getattr(restored, "optimizer", None) is None
    images = np.random.default_rng(0).uniform(0, 255, (6, 16, 8, 3)).astype("float32")
    for side in ("probe_representation", "gallery_representation"):
        live, again = (
            np.array(getattr(method, side)(method.embed(images)))
            for method in (trained, restored)
        )
        np.testing.assert_array_equal(live, again)
        assert live.shape == (6, trained.representation_dimension)
        assert np.ptp(live, axis=0).max() > 0
    # A copy of what the run has now, as evaluations on the way take it.
    copy = build.for_inference_of(trained, recipe)
    for a, b in zip(
        copy.inference_variables, restored.inference_variables, strict=True
    ):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_training_moves_every_variable_that_it_makes(name, whole_runs):
    recipe = tiny_run.recipe_of(method=name)
    space = run.build_label_space(recipe, "", _quiet)
    start = build.for_training(recipe, space.specification)
    before = {v.path: v.numpy() for v in start.variables}
    _, trained = whole_runs(name)
    for variable in trained.variables:
        assert np.abs(variable.numpy() - before[variable.path]).max() > 0, variable.path


def test_variables_are_named_alike_in_every_process(name):
    """Keras numbers layers without a name: a second model's would be others."""
    first, second = (tiny.method(name, 9) for _ in range(2))
    for part in ("variables", "inference_variables"):
        names = [list(checkpoints.by_name(getattr(m, part))) for m in (first, second)]
        assert names[0] == names[1] != []
    states = [list(checkpoints.by_name(m.optimizer.variables)) for m in (first, second)]
    assert states[0] == states[1]


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_and_infers_in_float32(name, precision, tmp_path):
    if precision not in methods.METHODS[tiny.CASES[name]].precisions:
        kind = tiny.CASES[name]
        refused = f"--precision={precision}: --method={kind} cannot be trained so"
        with pytest.raises(errors.UserError, match=refused):
            tiny_run.recipe_of(method=name, precision=precision)
        return
    trained = tiny_run.train(
        tmp_path, log=_quiet, method=name, precision=precision, checkpoint_every=4
    )
    half = precision.removeprefix("mixed_")
    assert trained.encoder.backbone.layers[1].compute_dtype == half
    assert trained.encoder.compute_dtype == "float32"
    held = {v.dtype for v in trained.variables if tf.as_dtype(v.dtype).is_floating}
    assert held == {"float32"}
    assert keras.config.dtype_policy().name == "float32"
    rows = training_log.read(tmp_path / "training_log.csv")
    assert [row["step"] for row in rows] == [2, 4, 6, 8, 10]
    assert all(np.isfinite(row["loss"]) for row in rows)
    recipe = tiny_run.recipe_of(method=name, precision=precision)
    restored, _ = build.restored(recipe, workdir.WorkDir(tmp_path))
    assert restored.encoder.backbone.layers[1].compute_dtype == "float32"
    for a, b in zip(
        trained.inference_variables, restored.inference_variables, strict=True
    ):
        assert a.dtype == b.dtype == "float32"
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_an_export_is_the_live_method(name, tmp_path):
    method = made_up.method(name, tiny=True)
    folder = made_up.export(method, tmp_path)
    images, files = exporter.made_up_images(4, made_up.HEIGHT, made_up.WIDTH, seed=3)
    model, features = served_model.ServedModel(folder), method.embed(images)
    for found, expected in (
        (model.probe_features(files), method.probe_representation(features)),
        (model.gallery_classifiers(files), method.gallery_representation(features)),
    ):
        limit = 1e-4 * np.abs(expected).max()
        np.testing.assert_allclose(found.vectors, expected, rtol=0, atol=limit)


def test_a_step_is_a_graph_of_scalars(name):
    """No host-side operation: the loop runs many steps without Python."""
    method = tiny.method(name, 9)
    batch = tiny.batch_of(method, [4, 0, 7, 2])
    spec = {k: tf.TensorSpec(v.shape, v.dtype) for k, v in batch.items()}
    traced = tf.function(method.train_step).get_concrete_function(spec)
    kinds = {op.type for op in traced.graph.get_operations()}
    assert not kinds & {"PyFunc", "EagerPyFunc", "PyFuncStateless", "PrintV2"}
    values = tf.function(method.train_step)(batch)
    assert "loss" in values
    assert all(value.shape == () for value in values.values())


@functools.cache
def _on_two_devices(*names):
    """Methods on one device and on two, in a process of its own.

    Devices are split before TensorFlow starts.
    """
    process = subprocess.run(
        [sys.executable, "-m", "tests.dimn_tf.methods.two_devices", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return json.loads(process.stdout.splitlines()[-1])


def test_two_replicas_equal_one(name):
    together = _QUICK if name in _QUICK else [n for n in tiny.CASES if n not in _QUICK]
    found = _on_two_devices(*together)[name]
    assert found["replicas"] == 2
    assert found["moved"] > 1e-3  # Every variable was trained or updated.
    if name in tiny.OWN_BATCH_NORM:  # Half a batch is normalised otherwise.
        assert found["two"] == pytest.approx(found["one"], rel=0.3)
        return
    assert found["difference"] < 2e-5
    assert found["two"] == pytest.approx(found["one"], rel=1e-4)
