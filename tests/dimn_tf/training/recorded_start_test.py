"""A run goes on by what it records of a start that is gone or has trained on."""

import json
import shutil

import pytest

from dimn_tf import errors
from dimn_tf.training import (
    checkpoints,
    init_from,
    recorded_start,
    trained_before,
    workdir,
)
from tests.dimn_tf.training import tiny_run


def _run(root, *steps, sources=("a",), content="x", **recorded):
    """What is looked at of a run: its record, and files of checkpoints."""
    folder = root / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for step in steps:
        (folder / f"ckpt-{step}.index").write_text(f"{content} {step}")
        (folder / f"ckpt-{step}.data-00000-of-00001").write_text(content)
    record = {"sources": list(sources), **recorded}
    (root / "config.json").write_text(json.dumps(record))
    return workdir.WorkDir(root)


def _begun(tmp_path, place, *steps):
    """A run that began from a place as it is now, and its record of that."""
    recorded = init_from.fingerprint(str(place))
    made = _run(tmp_path / "second", *steps, init_from=recorded)
    runs = trained_before.of_start(str(place))
    trained_before.save(made.trained_before, runs, str(place))
    return made, recorded


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("left", [(), (15,), (10, 15), (5, 10)])
def test_what_is_recorded_stands_for_a_start_that_moved_on(tmp_path, left, named):
    first = tmp_path / "first"
    _run(first, 10)
    place = first / "checkpoints" / "ckpt-10" if named else first
    made, recorded = _begun(tmp_path, place, 5)
    _run(first, *left)
    assert recorded_start.run(str(place), made) == recorded
    is_there = 10 in left and (named or left[-1] == 10)
    assert recorded_start.is_there(str(place), recorded) == is_there
    shutil.rmtree(first)
    assert recorded_start.run(str(place), made) == recorded


def test_another_start_is_looked_at_itself(tmp_path):
    first, other = tmp_path / "first", tmp_path / "other"
    _run(first, 10)
    _run(other, 15)
    made, recorded = _begun(tmp_path, first, 5)
    moved = first.rename(tmp_path / "moved")
    assert recorded_start.run(str(moved), made) == recorded
    shutil.rmtree(moved)
    assert recorded_start.run(str(other), made) == init_from.fingerprint(str(other))
    for gone in (tmp_path / "typo", first / "checkpoints" / "ckpt-5"):
        with pytest.raises(errors.UserError, match="found no checkpoint"):
            recorded_start.run(str(gone), made)
    # Under the name of the first: on other data, not further, of other weights.
    for steps, changes in (
        ((15,), {"sources": ["b"]}),
        ((5,), {}),
        ((10,), {"content": "y"}),
    ):
        _run(first, *steps, **changes)
        now = init_from.fingerprint(str(first))
        assert recorded_start.run(str(first), made) == now != recorded


def test_of_an_older_version_a_start_that_is_gone_alone_is_taken_as_recorded(tmp_path):
    first = tmp_path / "first"
    _run(first, 10)
    made, recorded = _begun(tmp_path, first, 5)
    made.trained_before.unlink()
    _run(first, 15)
    assert recorded_start.run(str(first), made).startswith("ckpt-15 ")
    shutil.rmtree(first)
    assert recorded_start.run(str(first), made) == recorded


def test_without_a_checkpoint_of_its_own_a_run_needs_its_start(tmp_path):
    first, file = tmp_path / "first", tmp_path / "w.weights.h5"
    _run(first, 10)
    made, _ = _begun(tmp_path, first)
    _run(first, 15)
    assert recorded_start.run(str(first), made).startswith("ckpt-15 ")
    assert recorded_start.run(str(first)).startswith("ckpt-15 ")
    shutil.rmtree(first)
    _run(made.root, encoder_weights="w.weights.h5 sha256:1")
    for directory in (None, made, workdir.WorkDir(tmp_path / "new")):
        with pytest.raises(errors.UserError, match="found no checkpoint"):
            recorded_start.run(str(first), directory)
        with pytest.raises(errors.UserError, match="no such file"):
            recorded_start.weights(str(file), directory)


def test_what_is_recorded_stands_for_a_weights_file_that_is_gone(tmp_path):
    recorded = "w.weights.h5 sha256:1"
    made = _run(tmp_path / "run", 5, encoder_weights=recorded)
    file = tmp_path / "w.weights.h5"
    assert recorded_start.weights(str(file), made) == recorded
    with pytest.raises(errors.UserError, match="no such file"):
        recorded_start.weights(str(tmp_path / "v.weights.h5"), made)
    file.write_bytes(b"another")
    assert recorded_start.weights(str(file), made) != recorded


@pytest.mark.parametrize("kept", [1, 3, None])
def test_a_run_goes_on_after_the_one_that_it_began_from(tmp_path, kept):
    """That one has dropped the checkpoint, has a newer one beside it, or is gone."""
    first, second = tmp_path / "first", tmp_path / "second"
    tiny_run.train_until(first, 7, keep_checkpoints=kept or 1)
    tiny_run.train_until(second, 7, init_from=str(first))
    directory = workdir.WorkDir(second)
    before = directory.trained_before.read_bytes(), directory.config.read_bytes()
    if kept:
        tiny_run.train(first, log=lambda line: None, keep_checkpoints=kept)
        steps = checkpoints.whole_steps(workdir.WorkDir(first).checkpoints)
        assert steps == ([10] if kept == 1 else [5, 10])
    else:
        shutil.rmtree(first)
    lines = []
    tiny_run.train(second, lines.append, init_from=str(first))
    assert any("ckpt-5 (step 5 of 10)" in line for line in lines)
    assert any("is gone or has trained on since" in line for line in lines)
    after = directory.trained_before.read_bytes(), directory.config.read_bytes()
    assert after == before
    assert checkpoints.whole_steps(directory.checkpoints) == [5, 10]
    # Another run under the first one's name is refused as ever.
    shutil.rmtree(first, ignore_errors=True)
    tiny_run.train(first, log=lambda line: None, seed=1)
    with pytest.raises(errors.UserError, match="--init_from: made with .*ckpt-5 "):
        tiny_run.train(second, init_from=str(first))


def test_a_run_goes_on_without_the_weights_file_that_it_began_from(
    tmp_path, monkeypatch
):
    weights, run = tmp_path / "start.weights.h5", tmp_path / "run"
    weights.write_bytes(b"made up")
    monkeypatch.setattr("dimn_tf.encoders.weight_files.load", lambda *_: None)
    tiny_run.train_until(run, 7, encoder_weights=str(weights))
    weights.unlink()
    lines = []
    tiny_run.train(run, lines.append, encoder_weights=str(weights))
    assert any("ckpt-5 (step 5 of 10)" in line for line in lines)
    weights.write_bytes(b"another")
    with pytest.raises(errors.UserError, match="--encoder_weights: made with"):
        tiny_run.train(run, encoder_weights=str(weights))
