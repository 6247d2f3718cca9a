"""Checkpoints of a tiny method: what is kept, found, restored and refused."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.training import checkpoints, loop
from tests.dimn_tf.methods import tiny


def _made(folder, keep=3, seed=0):
    method = tiny.method("dimn", 9, seed, memory_start="random")
    return method, checkpoints.Checkpoints(folder, method, keep)


def _saved(folder, *steps, **given):
    method, kept = _made(folder, **given)
    for step in steps:
        kept.save(step)
    return method, kept


def _values(variables):
    return [variable.numpy().copy() for variable in variables]


def _assert_equal(expected, found):
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_everything_that_training_moves_is_restored(tmp_path):
    method, kept = _made(tmp_path)
    method.train_step(tiny.batch([4, 0, 7]))
    held = [*method.variables, *method.optimizer.variables]
    assert {id(v) for v in kept.variables} == {id(v) for v in held}
    assert kept.save(7) == kept.latest == str(tmp_path / "ckpt-7")
    other, again = _made(tmp_path, seed=1)
    before = _values(again.variables)
    assert again.restore() == 7
    expected = _values(kept.variables)
    _assert_equal(expected, _values(again.variables))
    assert any(not np.array_equal(a, b) for a, b in zip(before, expected, strict=True))
    assert int(other.optimizer.iterations) == 1


def test_an_empty_folder_is_a_start(tmp_path):
    method, kept = _made(tmp_path / "absent")
    before = _values(kept.variables)
    assert kept.latest is None
    assert kept.restore() == 0
    assert checkpoints.restore_inference(kept.directory, method) == 0
    _assert_equal(before, _values(kept.variables))
    assert not kept.directory.exists()


def test_the_newest_are_kept(tmp_path):
    _saved(tmp_path / "default", 1, 2, 9, 10, 11)
    assert checkpoints.whole_steps(tmp_path / "default") == [9, 10, 11]
    one = tmp_path / "new" / "one"
    _saved(one, 5, 100, keep=1)
    assert checkpoints.whole_steps(one) == [100]
    assert len(list(one.iterdir())) == 2


def test_the_last_known_to_be_good_gave_a_finite_loss(tmp_path):
    _, kept = _saved(tmp_path, 2, 4, 6)
    # The loss of step 7 is the first of the weights that ckpt-6 holds.
    found = [kept.good_before(step) for step in (3, 4, 5, 6, 7, 8)]
    names = [prefix and pathlib.Path(prefix).name for prefix in found]
    assert names == [None, "ckpt-2", "ckpt-2", "ckpt-4", "ckpt-4", "ckpt-6"]


def test_a_checkpoint_is_whole_with_its_index_and_all_its_data(tmp_path):
    for name in (
        "ckpt-3.index", "ckpt-3.data-00000-of-00001",
        "ckpt-20.index", "ckpt-20.data-00000-of-00002", "ckpt-20.data-00001-of-00002",
        "ckpt-5.index", "ckpt-5.data-00000-of-00002",
        "ckpt-6.index",
        "ckpt-7.data-00000-of-00001",
        "ckpt-8.index.old", "ckpt-8.data-00000-of-00001",
        "my-ckpt-9.index", "ckpt-9.data-00000-of-00001",
    ):  # fmt: skip
        (tmp_path / name).touch()
    assert checkpoints.whole_steps(tmp_path) == [3, 20]
    assert checkpoints.whole_steps(tmp_path / "absent") == []


def test_files_of_a_step_are_of_no_other(tmp_path):
    _saved(tmp_path, 1, 10)
    names = [path.name for path in checkpoints.files_of(tmp_path, 1)]
    assert names == ["ckpt-1.data-00000-of-00001", "ckpt-1.index"]


def test_what_a_killed_save_leaves_is_removed_and_nothing_else(tmp_path):
    _, kept = _saved(tmp_path, 1)
    before = sorted(p.name for p in tmp_path.iterdir())
    (tmp_path / "ckpt-2_temp").mkdir()
    (tmp_path / "ckpt-2_temp" / "part-00000").touch()
    (tmp_path / "ckpt-2.data-00000-of-00001").touch()
    (tmp_path / "ckpt-1_temp").mkdir()  # Beside a whole one: TensorFlow's own.
    (tmp_path / "notes.txt").touch()
    kept.remove_leftovers()
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == sorted([*before, "ckpt-1_temp", "notes.txt"])


def test_an_old_checkpoint_loses_its_index_first(tmp_path, monkeypatch):
    """Killed in between, it must not count as whole."""
    _, kept = _saved(tmp_path, 1, keep=1)
    removed, unlink = [], pathlib.Path.unlink

    def watch(path, *given):
        removed.append(path.name)
        unlink(path, *given)

    monkeypatch.setattr(pathlib.Path, "unlink", watch)
    kept.save(2)
    assert removed == ["ckpt-1.index", "ckpt-1.data-00000-of-00001"]


def test_inference_restores_its_part_alone(tmp_path):
    method, _ = _saved(tmp_path, 3, 4)
    other = tiny.method("dimn", 5, seed=1)  # Another C: W and f_theta do not fit.
    kept = _values(other.classifier.variables)
    assert checkpoints.restore_inference(tmp_path, other) == 4
    _assert_equal(
        _values(method.inference_variables), _values(other.inference_variables)
    )
    _assert_equal(kept, _values(other.classifier.variables))


def test_the_arrays_of_the_inference_part_by_name(tmp_path):
    method, _ = _saved(tmp_path, 3)
    held = checkpoints.values(tmp_path, 3, "inference")
    expected = checkpoints.by_name(method.inference_variables)
    assert set(held) == set(expected) == {
        "only/kernel", "only/bias", "mapping/kernel"
    }  # fmt: skip
    for name, variable in expected.items():
        np.testing.assert_array_equal(held[name], variable.numpy())


@pytest.mark.parametrize("part", ["average", "hard_groups", "zebra"])
def test_a_further_part_takes_no_variable_of_the_methods(part, tmp_path):
    method = tiny.method("dimn", 9)
    own = keras.Variable(3.0, name="own")
    variables = [own, *method.variables, *method.optimizer.variables]
    kept = checkpoints.Checkpoints(tmp_path, method, further={part: variables})
    kept.save(4)
    found = checkpoints.values(tmp_path, 4, "inference")
    assert set(found) == {v.path for v in method.inference_variables}
    assert set(checkpoints.values(tmp_path, 4, part)) == {own.path}
    assert len({id(v) for v in kept.variables}) == len(kept.variables)
    own.assign(0.0)
    assert kept.restore() == 4 and float(own) == 3.0


def test_two_variables_of_one_path_are_refused():
    first, second = (tiny.method("dimn", 9).mapping.kernel for _ in range(2))
    assert checkpoints.by_name([first, first]) == {first.path: first}
    with pytest.raises(ValueError, match="have the path mapping/kernel: give their"):
        checkpoints.by_name([first, second])


def test_one_that_cannot_be_written_is_told_and_leaves_the_others(
    tmp_path, monkeypatch
):
    """A file system that fails in the middle of a write, as a full one does."""
    _, kept = _saved(tmp_path, 1, 2, keep=2)
    before = sorted(p.name for p in tmp_path.iterdir())
    write = tf.train.Checkpoint.write

    def failing(checkpoint, prefix):
        # TensorFlow writes a shard into a folder of this name: here a file is.
        pathlib.Path(f"{prefix}_temp").write_text("in the way")
        return write(checkpoint, prefix)

    monkeypatch.setattr(tf.train.Checkpoint, "write", failing)
    with pytest.raises(
        errors.UserError, match="ckpt-11: the checkpoint cannot be wri"
    ) as told:
        kept.save(11)
    assert "{{" not in str(told.value) and "[Op:" not in str(told.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_a_folder_that_takes_no_checkpoint_is_told(tmp_path):
    (tmp_path / "file").touch()
    _, kept = _made(tmp_path / "file" / "checkpoints")
    with pytest.raises(errors.UserError, match="ckpt-1: .*Not a directory"):
        kept.save(1)


@pytest.mark.parametrize("again", [False, True])
def test_half_an_index_of_a_full_disk_counts_for_nothing(tmp_path, monkeypatch, again):
    """TensorFlow writes an index in place: a disk that fills up then cuts it off."""
    method, kept = _saved(tmp_path, 1, 2, keep=2)
    expected = _values(kept.variables)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    write = tf.train.Checkpoint.write

    def cut(checkpoint, prefix):
        write(checkpoint, prefix)
        index = pathlib.Path(f"{prefix}.index")
        index.write_bytes(index.read_bytes()[:40])
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    method.train_step(tiny.batch([4, 0, 7]))
    with monkeypatch.context() as patch:
        patch.setattr(tf.train.Checkpoint, "write", cut)
        with pytest.raises(errors.UserError, match="No space left on device"):
            kept.save(2 if again else 3)
    assert checkpoints.whole_steps(tmp_path) == [1, 2]
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    assert kept.restore() == 2
    _assert_equal(expected, _values(kept.variables))
    kept.save(3)
    assert checkpoints.whole_steps(tmp_path) == [2, 3]


def test_a_checkpoint_takes_its_names_when_it_is_whole_and_its_index_last(
    tmp_path, monkeypatch
):
    """Who reads beside a training, or comes after a kill, never sees a half one."""
    _, kept = _saved(tmp_path, 1)
    # Of an older save of this step: its index would be taken for that of new data.
    (tmp_path / "ckpt-2.index").write_bytes(b"old")
    (tmp_path / "ckpt-2.data-00000-of-00002").write_bytes(b"old")
    write, replace = tf.train.Checkpoint.write, pathlib.Path.replace
    seen, moved = [], []

    def watched(checkpoint, prefix):
        write(checkpoint, prefix)
        seen.append(checkpoints.whole_steps(tmp_path))
        assert not (tmp_path / "ckpt-2.data-00000-of-00001").exists()

    def watch(path, target):
        moved.append(path.name)
        replace(path, target)
        seen.append(checkpoints.whole_steps(tmp_path))

    monkeypatch.setattr(tf.train.Checkpoint, "write", watched)
    monkeypatch.setattr(pathlib.Path, "replace", watch)
    kept.save(2)
    assert moved == ["ckpt-2.data-00000-of-00001", "ckpt-2.index"]
    assert seen == [[1], [1], [1, 2]]
    assert len(list(tmp_path.iterdir())) == 4
    assert kept.restore() == 2


def test_what_a_save_leaves_that_was_killed_while_it_wrote_is_removed(
    tmp_path, monkeypatch
):
    _, kept = _saved(tmp_path, 1)
    before = sorted(p.name for p in tmp_path.iterdir())

    class Killed(BaseException):
        pass

    def killed(path, target):
        raise Killed

    for step in (1, 2):  # Beside a whole one of the same step too.
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(checkpoints, "_publish", killed)
            kept.save(step)
        assert len(list(tmp_path.iterdir())) == 3
        assert checkpoints.whole_steps(tmp_path) == [1]
        kept.remove_leftovers()
        assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_one_of_another_model_is_refused_by_the_trainer(tmp_path):
    _saved(tmp_path, 3)
    aggregation = tiny.method("aggregation", 9)
    other = checkpoints.Checkpoints(tmp_path, aggregation)
    # It holds what this method has, and the mapping and W besides.
    with pytest.raises(errors.UserError, match="ckpt-3: the checkpoint cannot be rest"):
        other.restore()
    assert checkpoints.restore_inference(tmp_path, aggregation) == 3


def test_one_that_lacks_a_variable_is_refused(tmp_path):
    checkpoints.Checkpoints(tmp_path, tiny.method("aggregation", 9)).save(3)
    with pytest.raises(errors.UserError, match="ckpt-3: the checkpoint cannot be rest"):
        checkpoints.restore_inference(tmp_path, tiny.method("dimn", 9))


def test_a_damaged_one_is_told_in_a_line_with_the_reason(tmp_path):
    _, kept = _saved(tmp_path, 3)
    (data,) = tmp_path.glob("*.data*")
    data.write_bytes(data.read_bytes()[:10])
    with pytest.raises(errors.UserError) as caught:
        kept.restore()
    text = str(caught.value)
    assert "cannot be restored (Read less bytes than requested). If it is" in text


def test_one_that_a_training_removes_meanwhile_gives_way_to_the_newer(
    tmp_path, monkeypatch
):
    method, kept = _saved(tmp_path, 10)
    read = checkpoints._readable

    def pruned(directory, step):
        monkeypatch.setattr(checkpoints, "_readable", read)
        kept.save(20)
        for path in checkpoints.files_of(directory, step):
            path.unlink()
        return read(directory, step)

    monkeypatch.setattr(checkpoints, "_readable", pruned)
    assert checkpoints.restore_inference(tmp_path, method) == 20


@pytest.mark.parametrize("restore", ["trainer", "inference"])
def test_a_renamed_one_is_refused(tmp_path, restore):
    method, kept = _saved(tmp_path, 10)
    for path in list(tmp_path.iterdir()):
        path.rename(tmp_path / path.name.replace("ckpt-10", "ckpt-8"))
    with pytest.raises(errors.UserError, match="ckpt-8: holds step 10: the files were"):
        if restore == "trainer":
            kept.restore()
        else:
            checkpoints.restore_inference(tmp_path, method)


def test_it_is_saved_at_multiples_and_at_the_end(tmp_path):
    _, kept = _made(tmp_path, keep=9)
    hook = checkpoints.SaveCheckpoints(kept, 4)
    assert hook.every == 4
    for step in (1, 4, 6, 8, 9):
        hook.look(loop.Look(step, 1, {}, 1.0, is_last=step == 9))
    assert checkpoints.whole_steps(tmp_path) == [4, 8, 9]
