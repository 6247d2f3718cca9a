"""The step that validation chooses."""

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.fewshot import evaluation, selection
from dimn_tf.training import build, workdir
from tests.dimn_tf.fewshot import made_up


def _selection(folder, shots=1, **made_with):
    made_with = {"episodes": 2, "queries": 3, **made_with}
    return selection.Selection(workdir.WorkDir(folder), shots, made_with)


def _method(value):
    made = build.for_inference(made_up.recipe_of("proto_net"), restored=False)
    made.encoder.backbone.layers[1].bias.assign([float(value)] * 8)
    return made


def _bias(method):
    return float(method.encoder.backbone.layers[1].bias[0])


def _add(chosen, step, accuracy):
    chosen.add(_method(step), step, evaluation.Accuracy(np.array([accuracy, accuracy])))


def test_the_best_step_is_kept_and_of_equal_ones_the_first(tmp_path):
    chosen = _selection(tmp_path)
    assert chosen.best() == 0 and chosen.results() == {}
    for step, accuracy in ((2, 0.3), (4, 0.5), (6, 0.5), (8, 0.4)):
        _add(chosen, step, accuracy)
    assert chosen.results() == {2: 30, 4: 50, 6: 50, 8: 40}
    made = _method(0)
    assert chosen.restore(made) == chosen.best() == 4
    assert _bias(made) == 4


def test_a_step_that_is_validated_again_changes_nothing(tmp_path):
    chosen = _selection(tmp_path)
    for step, accuracy in ((2, 0.3), (4, 0.5), (6, 0.5), (4, 0.5), (2, 0.3), (6, 0.5)):
        _add(chosen, step, accuracy)
    made = _method(0)
    assert chosen.restore(made) == 4 and _bias(made) == 4


def test_a_step_that_a_resumed_run_validates_lower_leaves_result_and_weights(tmp_path):
    """Without --deterministic a step made again may be another."""
    chosen = _selection(tmp_path)
    for step, accuracy in ((2, 0.3), (4, 0.5), (4, 0.2)):
        _add(chosen, step, accuracy)
    assert chosen.results() == {2: 30, 4: 50}
    made = _method(0)
    assert chosen.restore(made) == 4 and _bias(made) == 4
    # A better one takes its place, with its weights.
    chosen.add(_method(9), 4, evaluation.Accuracy(np.array([0.6, 0.6])))
    assert chosen.results() == {2: 30, 4: 60}
    assert chosen.restore(made) == 4 and _bias(made) == 9


def test_weights_of_another_step_are_refused(tmp_path):
    chosen = _selection(tmp_path)
    _add(chosen, 2, 0.3)
    held = chosen.weights.read_bytes()
    _add(chosen, 4, 0.5)
    chosen.weights.write_bytes(held)
    with pytest.raises(errors.UserError, match="not the weights of step 4.*of step 2"):
        chosen.restore(_method(0))
    for damaged in (held[:100], b""):
        chosen.weights.write_bytes(damaged)
        with pytest.raises(errors.UserError, match="Train again in another"):
            chosen.restore(_method(0))
    chosen.weights.unlink()
    with pytest.raises(errors.UserError, match="Train again in another"):
        chosen.restore(_method(0))


def test_a_damaged_result_is_named(tmp_path):
    chosen = _selection(tmp_path)
    _add(chosen, 2, 0.3)
    chosen.path_of(2).write_text("{")
    with pytest.raises(errors.UserError, match="step_0000002.json: no validation"):
        chosen.best()


def test_each_shots_has_its_own_step(tmp_path):
    one, five = (_selection(tmp_path, k) for k in (1, 5))
    _add(one, 2, 0.5)
    _add(one, 4, 0.4)
    _add(five, 2, 0.5)
    _add(five, 4, 0.6)
    made = _method(0)
    assert one.restore(made) == 2 and _bias(made) == 2
    assert five.restore(made) == 4 and _bias(made) == 4


def test_steps_are_chosen_from_by_one_validation(tmp_path):
    chosen = _selection(tmp_path)
    _add(chosen, 2, 0.3)
    chosen.refuse_other()
    assert chosen.made_with(2) == {"episodes": 2, "queries": 3}
    other = _selection(tmp_path, queries=4)
    with pytest.raises(errors.UserError, match="with queries 3, now 4 is asked for"):
        other.refuse_other()
    assert other.made_with(2) == {"episodes": 2, "queries": 3}  # As it was.


def test_steps_are_chosen_from_by_one_set_of_images(tmp_path):
    older = _selection(tmp_path)
    _add(older, 2, 0.3)
    chosen = _selection(tmp_path, images_sha256="a")
    chosen.refuse_other()  # What an older version did not tell is taken as it is.
    _add(chosen, 4, 0.4)
    chosen.refuse_other()
    other = _selection(tmp_path, images_sha256="b", queries=4)
    told = "step_0000004.json: step 4 was validated on other images"
    with pytest.raises(errors.UserError, match=told):
        other.refuse_other(["images_sha256"])
    with pytest.raises(errors.UserError, match="with queries 3, now 4 is asked for"):
        other.refuse_other()
