"""Runs in a work directory: claims, refusals, logs, checkpoints, broken losses."""

import dataclasses
import gc
import json
import logging
import math
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors, methods
from dimn_tf.training import (
    build,
    checkpoints,
    run,
    strategies,
    training_log,
    workdir,
)
from tests.dimn_tf.training import tiny_run


@pytest.fixture(autouse=True)
def _restore_globals(monkeypatch):
    """Undoes what `tiny_run.install` exchanges."""
    from dimn_tf.data import records
    from dimn_tf.encoders import encoder

    monkeypatch.setattr(records, "load_records", records.load_records)
    monkeypatch.setattr(encoder, "BACKBONES", dict(encoder.BACKBONES))
    yield
    keras.mixed_precision.set_dtype_policy("float32")


def _assert_same(trained, restored):
    """What inference needs is the same; what only training needs was not made."""
    pairs = zip(trained.inference_variables, restored.inference_variables, strict=True)
    for a, b in pairs:
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert restored.variables == restored.inference_variables
    assert len(restored.variables) < len(trained.variables)


def _train(directory, log=lambda line: None, **changes):
    return tiny_run.train(directory, log=log, **changes)


def test_a_run_leaves_what_it_should(tmp_path):
    lines = []
    method = _train(tmp_path, lines.append, keep_checkpoints=2, checkpoint_every=3)
    assert int(method.optimizer.iterations) == 10
    kept = sorted(p.name for p in (tmp_path / "checkpoints").glob("*.index"))
    assert kept == ["ckpt-10.index", "ckpt-9.index"]
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["num_identities"] == 16
    assert config["triplet_margin"] == 0.8
    assert "checkpoint_every" not in config
    assert json.loads((tmp_path / "holdout.json").read_text()) == {
        "cuhk02/partial": [],
        "cuhk03/partial": [],
    }
    text = "\n".join(lines)
    assert "Training dimn on 16 identities, 8 images a step" in text
    assert "step 10/10 (100%)" in text and " images/s, 0 s left" in text
    rows = training_log.read(tmp_path / "training_log.csv")
    # 3.5e-4 * (1e-4 / 3.5e-4) ** (step / 10)
    for row in rows:
        assert row["learning_rate"] == pytest.approx(
            3.5e-4 * (1 / 3.5) ** (row["step"] / 10), rel=1e-5
        )
    assert rows[-1]["learning_rate"] == pytest.approx(1e-4)
    events = list((tmp_path / "tensorboard").iterdir())
    tags = {
        value.tag
        for event in tf.compat.v1.train.summary_iterator(str(events[0]))
        for value in event.summary.value
    }
    assert tags == set(rows[0]) - {"step"}
    assert {"images_per_second", "matching_accuracy", "logit_triplet"} <= tags


def test_a_finished_run_is_not_trained_again(tmp_path):
    before = _train(tmp_path).get_weights()
    lines = []
    after = _train(tmp_path, lines.append).get_weights()
    assert any("trained already, 10 of 10" in line for line in lines)
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_value_that_changes_the_result_is_refused(tmp_path):
    _train(tmp_path)
    with pytest.raises(errors.UserError) as error:
        _train(tmp_path, triplet_margin=0.5, seed=3, checkpoint_every=2)
    text = str(error.value)
    assert "--triplet_margin: made with 0.8, now 0.5" in text
    assert "--seed: made with 0, now 3" in text
    assert "checkpoint_every" not in text
    with pytest.raises(errors.UserError, match='--method: made with "dimn", now'):
        _train(tmp_path, method="aggregation")


def test_intervals_may_differ(tmp_path):
    _train(tmp_path, checkpoint_every=4, log_every=5)
    _train(tmp_path, checkpoint_every=2, log_every=1, evaluate_every=3)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, monkeypatch):
    """Weights are broken in step 6: loss 7 is the first that shows it."""

    def broken(self, tape, loss, minimise=methods.Method.minimise):
        minimise(self, tape, loss)
        nan = tf.where(self.optimizer.iterations == 6, math.nan, 0.0)
        self.classifier.kernel.assign_add(tf.fill(self.classifier.kernel.shape, nan))

    monkeypatch.setattr(methods.Method, "minimise", broken)
    with pytest.raises(errors.UserError) as error:
        _train(tmp_path, checkpoint_every=2, keep_checkpoints=5)
    text = str(error.value)
    assert "not finite at step 7: " in text
    assert "identification nan" in text and "logit_triplet" in text
    # ckpt-6 holds the broken weights; ckpt-4 gave the finite loss of step 5.
    assert text.count("ckpt-") == 1 and "checkpoints/ckpt-4. " in text


def test_without_a_good_checkpoint_none_is_named(tmp_path):
    with pytest.raises(errors.UserError, match="No checkpoint is known to be good"):
        # Adam's step is the rate itself, so step 2 cannot be finite.
        _train(tmp_path, learning_rate_start=1e30, checkpoint_every=1)


def test_evaluation_is_called_on_the_way_only(tmp_path):
    tiny_run.install()
    steps = []
    prepared = run.prepare(
        tiny_run.recipe_of(evaluate_every=4),
        workdir.WorkDir(tmp_path),
        data_dir="",
        log=lambda line: None,
    )
    run.train(prepared, lambda method, step: steps.append(step), log=lambda line: None)
    assert steps == [4, 8]


@pytest.mark.parametrize("left_by_the_kill", [False, True])
def test_an_evaluation_that_was_killed_is_made_up(tmp_path, left_by_the_kill):
    tiny_run.install()
    directory, steps = workdir.WorkDir(tmp_path), []
    prepared = run.prepare(
        tiny_run.recipe_of(evaluate_every=5),
        directory,
        data_dir="",
        log=lambda line: None,
    )

    def die(method, step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.train(prepared, die, log=lambda line: None)
    if left_by_the_kill:  # Killed after it was written: not owed any more.
        directory.results_at(5).parent.mkdir()
        directory.results_at(5).write_text("{}")
    run.train(prepared, lambda method, step: steps.append(step), log=lambda line: None)
    assert steps == ([] if left_by_the_kill else [5])


def test_restore_gives_the_trained_weights(tmp_path):
    trained = _train(tmp_path)
    directory = workdir.WorkDir(tmp_path)
    restored, step = build.restored(tiny_run.recipe_of(), directory)
    assert step == 10
    _assert_same(trained, restored)


def test_restore_without_a_checkpoint_says_so(tmp_path):
    tiny_run.install()
    with pytest.raises(errors.UserError, match="no checkpoint"):
        build.restored(tiny_run.recipe_of(), workdir.WorkDir(tmp_path))


def test_a_damaged_checkpoint_is_named(tmp_path):
    _train(tmp_path)
    for path in (tmp_path / "checkpoints").glob("ckpt-10.data*"):
        path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(errors.UserError, match="ckpt-10: the checkpoint cannot"):
        _train(tmp_path, train_steps=10)


def test_leftovers_of_a_killed_save_are_removed_by_the_trainer_alone(tmp_path):
    method = _train(tmp_path)
    folder = tmp_path / "checkpoints"
    (folder / "ckpt-12_temp").mkdir()
    (folder / "ckpt-12_temp" / "part-00000").write_bytes(b"x")
    (folder / "ckpt-11.data-00000-of-00001").write_bytes(b"x")
    kept = checkpoints.Checkpoints(folder, method)
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


def test_replicas_that_do_not_divide_the_batch_are_refused(tmp_path):
    with pytest.raises(
        errors.UserError, match="--identities_per_batch=4.*--replicas=3"
    ):
        _train(tmp_path, replicas=3)
    with pytest.raises(errors.UserError, match="--replicas=64: this machine has"):
        strategies.make(64)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_resumes_and_keeps_float32_logits(tmp_path, precision):
    half = precision.removeprefix("mixed_")
    stopped = _train(tmp_path, precision=precision, checkpoint_every=4)
    assert stopped.encoder.backbone.layers[1].compute_dtype == half
    assert stopped.encoder.compute_dtype == "float32"
    assert stopped.classifier.compute_dtype == "float32"
    assert stopped.memory_bank.classifiers.dtype == "float32"
    rows = training_log.read(tmp_path / "training_log.csv")
    assert [row["step"] for row in rows] == [2, 4, 6, 8, 10]
    assert all(np.isfinite(row["loss"]) for row in rows)
    restored, step = build.restored(
        tiny_run.recipe_of(precision=precision), workdir.WorkDir(tmp_path)
    )
    assert step == 10
    np.testing.assert_array_equal(
        restored.mapping.kernel.numpy(), stopped.mapping.kernel.numpy()
    )


def test_steps_that_loss_scaling_skips_are_counted(tmp_path, monkeypatch):
    # So large a scale overflows float16 in the first steps, whatever they see.
    monkeypatch.setattr(build, "FLOAT16_LOSS_SCALE", 2.0**60)
    method = _train(tmp_path, precision="mixed_float16")
    assert int(method.optimizer.iterations) < 10
    assert (tmp_path / "checkpoints" / "ckpt-10.index").exists()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("log_every", 0, "--log_every=0: expected at least 1"),
        ("train_steps", 0, "--train_steps=0: expected at least 1"),
        ("running_average", 2.0, "--running_average=2.0: expected at most 1"),
        ("label_smoothing", float("nan"), "--label_smoothing=nan: expected at least"),
        ("mapping_start", "foo", "--mapping_start=foo: expected one of identity"),
    ],
)
def test_values_out_of_range_are_named(name, value, expected):
    with pytest.raises(errors.UserError, match=expected):
        tiny_run.recipe_of(**{name: value})


@pytest.mark.parametrize("left", ["lost", "empty", "cut"])
def test_checkpoints_are_found_without_a_file_that_lists_them(tmp_path, left):
    """Runs of older versions have such a file, which was all that was looked at."""
    _train(tmp_path)
    listing = tmp_path / "checkpoints" / "checkpoint"
    if left == "empty":
        listing.write_text("")
    elif left == "cut":
        listing.write_text('model_checkpoint_path: "ckpt-')
    lines = []
    _train(tmp_path, lines.append)
    assert any("trained already, 10 of 10" in line for line in lines)


def test_the_newest_whole_checkpoint_is_taken(tmp_path):
    _train(tmp_path)
    folder = tmp_path / "checkpoints"
    (folder / "ckpt-10.data-00000-of-00001").unlink()
    assert checkpoints.whole_steps(folder) == [5]
    lines = []
    _train(tmp_path, lines.append)
    assert any("ckpt-5 (step 5 of 10)" in line for line in lines)


def test_parts_of_checkpoints_alone_stop_the_run_and_stay(tmp_path):
    _train(tmp_path)
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


def test_a_checkpoint_that_cannot_be_written_is_told(tmp_path):
    """A file system that fails in the middle of a write, as a full one does."""
    method = _train(tmp_path)
    kept = checkpoints.Checkpoints(tmp_path / "checkpoints", method)
    before = sorted(p.name for p in kept.directory.iterdir())
    # TensorFlow writes a shard into a folder of this name: here a file is.
    (kept.directory / "ckpt-11_temp").write_text("in the way")
    with pytest.raises(
        errors.UserError, match="ckpt-11: the checkpoint cannot be wri"
    ) as told:
        kept.save(11)
    assert "{{" not in str(told.value) and "[Op:" not in str(told.value)
    assert sorted(p.name for p in kept.directory.iterdir()) == before


def test_a_renamed_checkpoint_is_not_taken_for_another_step(tmp_path):
    _train(tmp_path)
    folder = tmp_path / "checkpoints"
    for path in list(folder.glob("ckpt-10.*")):
        path.rename(folder / path.name.replace("ckpt-10", "ckpt-8"))
    with pytest.raises(errors.UserError, match="ckpt-8: holds step 10"):
        _train(tmp_path)


def test_a_checkpoint_of_the_old_form_is_named(tmp_path):
    tiny_run.install()
    held = tf.train.Checkpoint(step=tf.Variable(3))
    tf.train.Checkpoint(method=held).write(str(tmp_path / "checkpoints" / "ckpt-3"))
    with pytest.raises(errors.UserError, match="before its checkpoints held named"):
        build.restored(tiny_run.recipe_of(), workdir.WorkDir(tmp_path))


def test_a_run_starts_from_another_one(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    source = _train(first, method="aggregation")
    lines = []
    made = {"init_from": str(first), "learning_rate_start": 1e-12}
    started = _train(
        second, lines.append, **made, learning_rate_end=1e-12, train_steps=1
    )
    assert any("Starting from" in line and "6 of 7 variables" in line for line in lines)
    held = checkpoints.by_name(source.encoder.trainable_variables)
    for name, variable in checkpoints.by_name(
        started.encoder.trainable_variables
    ).items():
        np.testing.assert_allclose(variable.numpy(), held[name].numpy(), atol=1e-9)
    recorded = workdir.read(workdir.WorkDir(second))["init_from"]
    assert re.fullmatch("ckpt-10 sha256:[0-9a-f]{64}", recorded)
    # The same run under another name is the same start; another checkpoint is not.
    first.rename(tmp_path / "moved")
    _train(
        second,
        lines.append,
        **{**made, "init_from": str(tmp_path / "moved")},
        learning_rate_end=1e-12,
        train_steps=1,
    )
    assert "trained already" in lines[-1]
    with pytest.raises(errors.UserError, match="--init_from: made with .*ckpt-10"):
        _train(
            second,
            **{**made, "init_from": str(tmp_path / "moved/checkpoints/ckpt-5")},
            learning_rate_end=1e-12,
            train_steps=1,
        )
    with pytest.raises(errors.UserError, match="found ckpt-5, ckpt-10 in"):
        _train(tmp_path / "third", init_from=str(tmp_path / "moved/checkpoints/ckpt-7"))


def test_another_encoder_is_no_start(tmp_path, monkeypatch):
    from dimn_tf.encoders import encoder

    _train(tmp_path / "first")
    kind = encoder.BACKBONES["tiny"]
    wider = lambda **given: tiny_run.network(**given, channels=5)  # noqa: E731
    monkeypatch.setitem(
        encoder.BACKBONES, "other", dataclasses.replace(kind, build=wider)
    )
    with pytest.raises(errors.UserError, match="encoder of that run is another one"):
        _train(tmp_path / "second", encoder="other", init_from=str(tmp_path / "first"))


def test_the_budget_may_count_images(tmp_path):
    lines = []
    _train(tmp_path, lines.append, train_images=33)
    assert any("step 5/5" in line for line in lines)  # 8 images a step.
    assert workdir.read(workdir.WorkDir(tmp_path))["images_per_step"] == 8


def test_what_inference_leaves_out_is_not_warned_of(tmp_path):
    """Once for each variable of the optimiser, when the reader was collected."""
    _train(tmp_path)
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


@pytest.mark.parametrize(
    "change", [{"augment_brightness": 0.9}, {"seed": 1}, {"cross_camera_pairs": True}]
)
def test_what_a_step_sees_follows_the_options(change, tmp_path):
    """Else two runs are the same, loss for loss."""
    losses = []
    for name, given in (("a", {}), ("again", {}), ("b", change)):
        _train(tmp_path / name, train_steps=5, log_every=5, **given)
        (row,) = training_log.read(tmp_path / name / "training_log.csv")
        losses.append(row["matching"])
    assert losses[0] == losses[1] != losses[2]


def test_the_seed_is_the_samplers_too(tmp_path):
    tiny_run.install()
    steps = []
    for seed in (0, 1):
        prepared = run.prepare(
            tiny_run.recipe_of(seed=seed),
            workdir.WorkDir(tmp_path / str(seed)),
            data_dir="",
            log=lambda line: None,
        )
        steps.append([prepared.sampling.sample(step).images for step in range(9)])
    assert not all(np.array_equal(a, b) for a, b in zip(*steps, strict=True))
