"""Another run's checkpoint as a start: found, named by its content, taken over."""

import json
import re

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.encoders import encoder as encoder_lib
from dimn_tf.training import checkpoints, init_from
from tests.dimn_tf.methods import tiny


def _run(root, *steps, name="dimn", seed=0):
    method = tiny.method(name, 9, seed)
    kept = checkpoints.Checkpoints(root / "checkpoints", method)
    for step in steps:
        kept.save(step)
    return method


def test_a_run_means_its_newest_checkpoint_and_a_checkpoint_itself(tmp_path):
    _run(tmp_path, 5, 10)
    folder = tmp_path / "checkpoints"
    assert init_from.locate(str(tmp_path)) == (folder, 10)
    assert init_from.locate(str(folder / "ckpt-5")) == (folder, 5)
    with pytest.raises(errors.UserError, match=r"ckpt-7: expected .* ckpt-5, ckpt-10 "):
        init_from.locate(str(folder / "ckpt-7"))
    with pytest.raises(errors.UserError, match="found no checkpoint in"):
        init_from.locate(str(tmp_path / "absent"))


def test_a_fingerprint_is_of_the_step_and_of_every_byte(tmp_path, monkeypatch):
    _run(tmp_path, 5, 10)
    first, found = tmp_path / "checkpoints" / "ckpt-5", set()
    whole = init_from.fingerprint(str(first))
    assert re.fullmatch("ckpt-5 sha256:[0-9a-f]{64}", whole)
    assert init_from.fingerprint(str(tmp_path)).startswith("ckpt-10 ")
    with monkeypatch.context() as patch:
        patch.setattr(init_from, "_CHUNK", 100)
        assert init_from.fingerprint(str(first)) == whole
    for path in checkpoints.files_of(first.parent, 5):
        content = path.read_bytes()
        for place in (0, len(content) - 1):
            changed = bytearray(content)
            changed[place] ^= 1
            path.write_bytes(changed)
            found.add(init_from.fingerprint(str(first)))
        path.write_bytes(content)
    assert len(found) == 4 and whole not in found


def test_what_fits_is_taken_over_and_the_rest_stays(tmp_path):
    source = _run(tmp_path, 5, name="aggregation", seed=1)
    method = tiny.method("dimn", 9, mapping_start="random")
    mapping = method.mapping.kernel.numpy()
    taken = init_from.load(str(tmp_path), method)
    assert sorted(taken) == ["only/bias", "only/kernel"]
    for a, b in zip(source.encoder.variables, method.encoder.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    np.testing.assert_array_equal(method.mapping.kernel.numpy(), mapping)
    same = tiny.method("dimn", 9, seed=2, mapping_start="random")
    _run(tmp_path / "dimn", 1)
    assert "mapping/kernel" in init_from.load(str(tmp_path / "dimn"), same)
    np.testing.assert_array_equal(same.mapping.kernel.numpy(), np.eye(tiny.DIMENSION))


def test_what_is_of_identities_is_taken_over_from_the_same_ones_alone(tmp_path):
    source = _run(tmp_path, 5, seed=1)
    rng = np.random.default_rng(0)
    held = [source.classifier.kernel, source.memory_bank.classifiers]
    for variable in held:
        variable.assign(rng.normal(size=variable.shape))
    checkpoints.Checkpoints(tmp_path / "checkpoints", source).save(6)
    config = tmp_path / "config.json"

    def taken_over(sources):
        method = tiny.method("dimn", 9)
        before = [
            method.classifier.kernel.numpy(),
            method.memory_bank.classifiers.numpy(),
        ]
        taken = init_from.load(str(tmp_path), method, sources)
        found = [
            method.classifier.kernel.numpy(),
            method.memory_bank.classifiers.numpy(),
        ]
        for now, was, of_source in zip(found, before, held, strict=True):
            is_taken = (now == of_source.numpy()).all()
            assert is_taken or (now == was).all()
        return len(taken), is_taken

    assert taken_over("a") == (3, False)  # Nothing tells what it was trained on.
    config.write_text('{"method": "dimn", "sources_sha256": "a"}')
    assert taken_over("a") == (5, True)
    assert taken_over("b") == taken_over(None) == (3, False)


def test_classifiers_beside_mean_weights_are_told(tmp_path):
    _run(tmp_path, 5)
    config = tmp_path / "config.json"

    def told(sources="a", **held):
        held = {"method": "dimn", "sources_sha256": "a", "train_steps": 5, **held}
        config.write_text(json.dumps(held))
        return init_from.of_averages(str(tmp_path), sources)

    assert "mean weights" in told(average_weights_from=0.4)
    assert told() == told(average_weights_from=1.0) == ""
    assert told("b", average_weights_from=0.4) == ""  # Neither is taken over.
    assert told(average_weights_from=0.4, train_steps=9) == ""  # Not at its end.


@pytest.mark.parametrize("fault", ["absent", "shape"])
def test_another_encoder_is_refused_and_nothing_is_taken_over(
    tmp_path, fault, monkeypatch
):
    _run(tmp_path, 5, seed=1)
    method = tiny.method("dimn", 9)
    held = checkpoints.values(tmp_path / "checkpoints", 5, "inference")
    if fault == "absent":
        del held["only/bias"]
        expected = r"of only/bias, none was found, shape \(6,\) expected"
    else:
        held["only/bias"] = np.zeros(5)
        expected = r"only/bias, shape \(5,\) was found, shape \(6,\) expected"
    monkeypatch.setattr(checkpoints, "values", lambda *_: held)
    before = method.get_weights()
    with pytest.raises(errors.UserError, match=expected):
        init_from.load(str(tmp_path), method)
    for a, b in zip(before, method.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("there", [True, False])
def test_a_neck_is_neither_dropped_nor_made_up(tmp_path, there):
    run = tiny.method("dimn", 9, neck=there)
    checkpoints.Checkpoints(tmp_path / "checkpoints", run).save(5)
    other = tiny.method("dimn", 9, seed=1, neck=not there)
    before = other.get_weights()
    with pytest.raises(errors.UserError, match="another one: .*--feature_neck as they"):
        init_from.load(str(tmp_path), other)
    for a, b in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    same = tiny.method("dimn", 9, seed=1, neck=there)
    assert init_from.load(str(tmp_path), same)


@pytest.mark.parametrize("through", ["", "block_10", "block_11", "block_13"])
def test_an_instance_norm_is_neither_dropped_nor_made_up(
    tmp_path, through, monkeypatch
):
    """Those behind a sum replace nothing, so that nothing is missing without them."""

    def made(last):
        encoder = encoder_lib.build_encoder(
            "mobilenet_v2", 64, 32, 0.35, instance_norm_through=last
        )
        monkeypatch.setattr(tiny, "encoder", lambda *_: encoder)
        return tiny.method("aggregation", 9)

    checkpoints.Checkpoints(tmp_path / "checkpoints", made("block_12")).save(5)
    assert init_from.load(str(tmp_path), made("block_12"))
    other = made(through)
    before = other.get_weights()
    with pytest.raises(
        errors.UserError, match="another one: .*--instance_norm_through"
    ):
        init_from.load(str(tmp_path), other)
    for a, b in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_part_of_another_shape_starts_anew(tmp_path, monkeypatch):
    _run(tmp_path, 5, seed=1)
    held = checkpoints.values(tmp_path / "checkpoints", 5, "inference")
    held["mapping/kernel"] = np.zeros((6, 5))
    monkeypatch.setattr(checkpoints, "values", lambda *_: held)
    method = tiny.method("dimn", 9)
    assert sorted(init_from.load(str(tmp_path), method)) == ["only/bias", "only/kernel"]
    np.testing.assert_array_equal(method.mapping.kernel.numpy(), np.eye(tiny.DIMENSION))


def test_an_inner_adams_moments_begin_anew_with_their_count(tmp_path):
    """Else a first inner step would be a thirtieth of the rate long."""
    source = tiny.method("reptile", 9)
    source.second_moments.assign([v + 1.0 for v in source.second_moments.values()])
    checkpoints.Checkpoints(tmp_path / "checkpoints", source).save(5)
    method = tiny.method("reptile", 9, seed=1)
    recorded = '{"method": "reptile", "sources_sha256": "a"}'
    (tmp_path / "config.json").write_text(recorded)
    taken = init_from.load(str(tmp_path), method, "a")
    assert taken and not any(name.startswith("second_moments/") for name in taken)
    for moment in method.second_moments.values():
        np.testing.assert_array_equal(moment, 0.0)
