"""Runs that go on from what a work directory holds, and what is restored of them."""

import gc
import logging

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.training import (
    build,
    checkpoints,
    workdir,
)
from tests.dimn_tf.training import tiny_run


def _assert_same(trained, restored):
    """What inference needs is the same; what only training needs was not made."""
    pairs = zip(trained.inference_variables, restored.inference_variables, strict=True)
    for a, b in pairs:
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert restored.variables == restored.inference_variables
    assert len(restored.variables) < len(trained.variables)


def _train(directory, log=lambda line: None, **changes):
    return tiny_run.train(directory, log=log, **changes)


def test_a_finished_run_is_not_trained_again(finished, tmp_path):
    before = finished.get_weights()
    lines = []
    after = _train(tmp_path, lines.append).get_weights()
    assert any("trained already, 10 of 10" in line for line in lines)
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


def test_restore_gives_the_trained_weights(finished, tmp_path):
    directory = workdir.WorkDir(tmp_path)
    restored, step = build.restored(tiny_run.recipe_of(), directory)
    assert step == 10
    _assert_same(finished, restored)


def test_restore_without_a_checkpoint_says_so(tmp_path):
    tiny_run.install()
    with pytest.raises(errors.UserError, match="no checkpoint"):
        build.restored(tiny_run.recipe_of(), workdir.WorkDir(tmp_path))


def test_a_damaged_checkpoint_is_named(finished, tmp_path):
    for path in (tmp_path / "checkpoints").glob("ckpt-10.data*"):
        path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(errors.UserError, match="ckpt-10: the checkpoint cannot"):
        _train(tmp_path, train_steps=10)


def test_leftovers_of_a_killed_save_are_removed_by_the_trainer_alone(
    finished, tmp_path
):
    folder = tmp_path / "checkpoints"
    (folder / "ckpt-12_temp").mkdir()
    (folder / "ckpt-12_temp" / "part-00000").write_bytes(b"x")
    (folder / "ckpt-11.data-00000-of-00001").write_bytes(b"x")
    kept = checkpoints.Checkpoints(folder, finished)
    assert kept.restore() == 10
    assert (folder / "ckpt-12_temp").exists()
    _train(tmp_path)
    names = {p.name.split(".")[0] for p in folder.iterdir()}
    assert names == {"ckpt-5", "ckpt-10"}


def test_a_checkpoint_restores_without_the_encoder_weights_file(tmp_path, monkeypatch):
    tiny_run.install()
    weights = tmp_path / "start.weights.h5"
    weights.write_bytes(b"made up")
    monkeypatch.setattr("dimn_tf.encoders.weight_files.load", lambda *_: None)
    trained = _train(tmp_path / "run", encoder_weights=str(weights))
    recipe = tiny_run.recipe_of(encoder_weights=str(weights))
    weights.unlink()
    restored, _ = build.restored(recipe, workdir.WorkDir(tmp_path / "run"))
    _assert_same(trained, restored)


@pytest.mark.parametrize("left", ["lost", "empty", "cut"])
def test_checkpoints_are_found_without_a_file_that_lists_them(finished, tmp_path, left):
    """Runs of older versions have such a file, which was all that was looked at."""
    listing = tmp_path / "checkpoints" / "checkpoint"
    if left == "empty":
        listing.write_text("")
    elif left == "cut":
        listing.write_text('model_checkpoint_path: "ckpt-')
    lines = []
    _train(tmp_path, lines.append)
    assert any("trained already, 10 of 10" in line for line in lines)


def test_the_newest_whole_checkpoint_is_taken(finished, tmp_path):
    folder = tmp_path / "checkpoints"
    (folder / "ckpt-10.data-00000-of-00001").unlink()
    assert checkpoints.whole_steps(folder) == [5]
    lines = []
    _train(tmp_path, lines.append)
    assert any("ckpt-5 (step 5 of 10)" in line for line in lines)


def test_parts_of_checkpoints_alone_stop_the_run_and_stay(finished, tmp_path):
    folder = tmp_path / "checkpoints"
    for path in folder.glob("*.data*"):
        path.unlink()
    before = sorted(folder.iterdir())
    with pytest.raises(errors.UserError, match="no whole checkpoint: found ckpt-10"):
        _train(tmp_path)
    assert sorted(folder.iterdir()) == before


def test_brackets_in_the_work_directory(tmp_path):
    """TensorFlow takes them for a pattern when it reads."""
    place = tmp_path / "runs [lr=1e-3] *?\\ é"
    trained = _train(place, train_steps=10, checkpoint_every=3)
    lines = []
    again = _train(place, lines.append, checkpoint_every=3)
    assert any("trained already" in line for line in lines)
    restored, step = build.restored(tiny_run.recipe_of(), workdir.WorkDir(place))
    assert step == 10
    _assert_same(trained, restored)
    for a, b in zip(trained.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_checkpoint_of_the_old_form_is_named(tmp_path):
    tiny_run.install()
    held = tf.train.Checkpoint(step=tf.Variable(3))
    tf.train.Checkpoint(method=held).write(str(tmp_path / "checkpoints" / "ckpt-3"))
    with pytest.raises(errors.UserError, match="before its checkpoints held named"):
        build.restored(tiny_run.recipe_of(), workdir.WorkDir(tmp_path))


def test_steps_that_loss_scaling_skips_are_counted(tmp_path, monkeypatch):
    # So large a scale overflows float16 in the first steps, whatever they see.
    monkeypatch.setattr(build, "FLOAT16_LOSS_SCALE", 2.0**60)
    method = _train(tmp_path, precision="mixed_float16")
    assert float(method.optimizer.dynamic_scale) < 2.0**60
    assert int(method.optimizer.iterations) == 10
    assert (tmp_path / "checkpoints" / "ckpt-10.index").exists()


def test_what_inference_leaves_out_is_not_warned_of(finished, tmp_path):
    """Once for each variable of the optimiser, when the reader was collected."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    tf.get_logger().addHandler(handler)
    try:
        build.restored(tiny_run.recipe_of(), workdir.WorkDir(tmp_path))
        gc.collect()
    finally:
        tf.get_logger().removeHandler(handler)
    assert [record.getMessage() for record in records] == []
