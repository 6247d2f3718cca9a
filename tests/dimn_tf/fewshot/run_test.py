"""Few-shot runs: every method is trained, killed, resumed and tested."""

import dataclasses
import json

import numpy as np
import pytest
from tensorflow.python.framework import config as tensorflow_config

from dimn_tf import errors, fewshot
from dimn_tf.fewshot import class_space, evaluation, options, run
from dimn_tf.fewshot import figures as run_figures
from dimn_tf.training import loop, workdir
from dimn_tf.training import run as training_run
from tests.dimn_tf.fewshot import made_up
from tests.dimn_tf.training import tiny_run

TEST = options.TestOptions(
    test_queries=4, test_episodes=20, validation_episodes=6, episode_seed=3
)


@pytest.fixture(autouse=True)
def classes(monkeypatch):
    made_up.install(monkeypatch)


def _quiet(line):
    del line


def _run(folder, method, log=_quiet, test=TEST, **changes):
    recipe = made_up.recipe_of(method, **changes)
    return run.train_and_test(recipe, test, workdir.WorkDir(folder), "", log)


_QUICK = ("dimn", "proto_net", "maml")
METHODS = [
    pytest.param(name, marks=() if name in _QUICK else pytest.mark.slow)
    for name in fewshot.METHODS
]


@pytest.fixture
def deterministic():
    tensorflow_config.enable_op_determinism()
    yield
    tensorflow_config.disable_op_determinism()


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_run_ends_as_an_uninterrupted_one(
    method, tmp_path, monkeypatch, deterministic
):
    whole = _run(tmp_path / "whole", method, shots=2, evaluate_every=4)
    hooks = training_run._writing_hooks

    class Kill(loop.Hook):
        every = 1

        def look(self, look):
            if look.step == 7:
                raise tiny_run.Killed

    with monkeypatch.context() as patch:
        patch.setattr(
            training_run, "_writing_hooks", lambda *args: [*hooks(*args), Kill()]
        )
        with pytest.raises(tiny_run.Killed):
            _run(tmp_path / "killed", method, shots=2, evaluate_every=4)
    lines = []
    resumed = _run(tmp_path / "killed", method, lines.append, shots=2, evaluate_every=4)
    assert any("Going on from" in line and " of 10" in line for line in lines)
    for figures in (whole, resumed):
        del figures["test_seconds"]
    assert resumed == whole
    weights = [
        dict(np.load(tmp_path / name / "best_weights_2shot.npz"))
        for name in ("whole", "killed")
    ]
    assert weights[0].keys() == weights[1].keys()
    for name, value in weights[0].items():
        np.testing.assert_array_equal(value, weights[1][name], err_msg=name)
    # A run that is done is tested again, not trained.
    again = _run(tmp_path / "killed", method, shots=2, evaluate_every=4)
    del again["test_seconds"]
    assert again == whole


@pytest.mark.parametrize("method", ["proto_net", "dimn"])
def test_a_validation_that_is_there_is_not_made_again(method, tmp_path, monkeypatch):
    """Killed after the validation of its newest checkpoint, then gone on."""
    hooks = training_run._writing_hooks

    class Kill(loop.Hook):
        every = 1

        def look(self, look):
            if look.step == 6:
                raise tiny_run.Killed

    options = {"evaluate_every": 5, "checkpoint_every": 5}
    with monkeypatch.context() as patch:
        patch.setattr(
            training_run, "_writing_hooks", lambda *args: [*hooks(*args), Kill()]
        )
        with pytest.raises(tiny_run.Killed):
            _run(tmp_path, method, **options)
    validated = sorted((tmp_path / "validations").rglob("step_*.json"))
    assert {path.stem for path in validated} == {"step_0000005"}
    lines = []
    _run(tmp_path, method, lines.append, **options)
    told = [line for line in lines if "validation classes (" in line]
    assert told and all(line.startswith("step 10: ") for line in told)


def test_a_validation_that_lacks_its_other_shots_is_made_again(tmp_path, monkeypatch):
    def kill(line):
        if "validation classes (1-shot" in line:
            raise tiny_run.Killed

    options = {"evaluate_every": 5, "checkpoint_every": 5}
    with pytest.raises(tiny_run.Killed):
        _run(tmp_path, "dimn", kill, **options)
    lines = []
    _run(tmp_path, "dimn", lines.append, **options)
    assert any(line.startswith("step 5: ") and "(5-shot" in line for line in lines)


@pytest.mark.parametrize("method", ["dimn", "ppa", "reptile"])
def test_one_training_serves_all_shots_where_none_is_trained_for(
    method, tmp_path, deterministic
):
    whole = _run(tmp_path / "five", method, shots=5, evaluate_every=4)
    first = _run(tmp_path / "both", method, shots=1, evaluate_every=4)
    lines = []
    second = _run(tmp_path / "both", method, lines.append, shots=5, evaluate_every=4)
    assert any("trained already, 10 of 10 steps" in line for line in lines)
    for figures in (whole, second):
        del figures["test_seconds"]
    assert second == whole
    assert (first["shots"], second["shots"]) == (1, 5)
    assert (first["flags"]["shots"], second["flags"]["shots"]) == (1, 5)
    assert first["per_episode"] != second["per_episode"]
    # Steps that are gone can no more be validated with other shots.
    with pytest.raises(errors.UserError, match="with 1, 5 shots, step . not with 3"):
        _run(tmp_path / "both", method, shots=3, evaluate_every=4)


@pytest.mark.parametrize(
    ("method", "steps"),
    [("maml", "maml_test_steps"), ("reptile", "reptile_test_steps")],
)
def test_a_trained_run_is_tested_again_with_other_inner_steps(method, steps, tmp_path):
    first = _run(tmp_path, method, **{steps: 1})
    lines = []
    again = _run(tmp_path, method, lines.append, **{steps: 9})
    assert any("trained already, 10 of 10 steps" in line for line in lines)
    assert (first["flags"][steps], again["flags"][steps]) == (1, 9)
    assert first["per_episode"] != again["per_episode"]
    assert first["validated_with"] == again["validated_with"]
    assert first["validated_with"][steps] == 1


def test_steps_are_not_chosen_by_validations_of_other_inner_steps(tmp_path):
    def kill(line):
        if "% on validation classes" in line:
            raise tiny_run.Killed

    with pytest.raises(tiny_run.Killed):
        _run(tmp_path, "maml", kill, evaluate_every=4)
    with pytest.raises(errors.UserError, match="with maml_test_steps 3, now 9 is"):
        _run(tmp_path, "maml", evaluate_every=4, maml_test_steps=9)


@pytest.mark.parametrize("method", ["dimn", "ppa", "reptile", "proto_net"])
def test_options_of_tasks_that_a_method_has_none_of_are_told(method, tmp_path):
    lines = []
    _run(tmp_path, method, lines.append, train_queries=2)
    told = [line for line in lines if "takes no account of" in line]
    if method == "proto_net":
        assert not told
    else:
        (line,) = told
        assert "--train_queries" in line and "--tasks" not in line


def test_dimns_batches_leave_a_class_to_its_memory(tmp_path):
    told = "--train_ways=24: .* has 24 classes, .* and 1 at least beside them"
    with pytest.raises(errors.UserError, match=told):
        _run(tmp_path, "dimn", train_ways=24)
    _run(tmp_path, "ppa", train_ways=24)


def test_shots_that_are_trained_for_are_another_run(tmp_path):
    lines = []
    _run(tmp_path, "proto_net", lines.append, evaluate_every=4)
    assert not any("5-shot" in line for line in lines)
    with pytest.raises(errors.UserError, match="--shots: made with 1, now 5"):
        _run(tmp_path, "proto_net", shots=5)


def test_a_step_whose_validation_was_removed_is_not_chosen(tmp_path):
    first = _run(tmp_path, "dimn", evaluate_every=4)
    with np.load(tmp_path / "best_weights_5shot.npz") as held:
        best = int(held["_step"])
    gone = 8 if best == 4 else 4
    (tmp_path / "validations" / "5shot" / f"step_{gone:07d}.json").unlink()
    lines = []
    again = _run(tmp_path, "dimn", lines.append, shots=5, evaluate_every=4)
    told = f"no 5-shot validation of step {gone}: not to be chosen"
    assert any(told in line for line in lines)
    assert again["step"] == best
    assert (
        _run(tmp_path, "dimn", evaluate_every=4)["per_episode"]
        == (first["per_episode"])
    )


def test_steps_are_chosen_from_by_one_validation(tmp_path):
    _run(tmp_path, "proto_net", evaluate_every=4)
    test = dataclasses.replace(TEST, test_statistics="episode")
    # Of a run that is done another test is no other choice, and says what chose.
    found = _run(tmp_path, "proto_net", test=test, evaluate_every=4)
    assert found["statistics"] == "episode"
    assert found["validated_with"] == {
        "episodes": 6,
        "queries": 4,
        "statistics": "moving",
        "seed": 3,
    }
    (tmp_path / "validations" / "1shot" / "step_0000010.json").unlink()
    with pytest.raises(errors.UserError, match="with statistics moving, now episode"):
        _run(tmp_path, "proto_net", test=test, evaluate_every=4)


@pytest.mark.parametrize("is_done", [True, False])
def test_a_run_is_not_filed_under_a_validation_that_it_had_not(is_done, tmp_path):
    """Another number of episodes, other steps: no test of a finished run makes them."""

    def kill(line):
        if "step 8: " in line:
            raise tiny_run.Killed

    if is_done:
        _run(tmp_path, "proto_net", evaluate_every=4)
    else:
        with pytest.raises(tiny_run.Killed):
            _run(tmp_path, "proto_net", kill, evaluate_every=4)
    told = "step_0000004.json: step 4 was validated with episodes 6, now 9 .*"
    told += "Give --validation_episodes as before"
    with pytest.raises(errors.UserError, match=told):
        test = dataclasses.replace(TEST, validation_episodes=9)
        _run(tmp_path, "proto_net", test=test, evaluate_every=4)
    for every in (2, 3, 0):
        told = f"with evaluate_every 4, now {every} .*Give --evaluate_every as before"
        with pytest.raises(errors.UserError, match=told):
            _run(tmp_path, "proto_net", evaluate_every=every)
    # As an older version left them.
    for path in (tmp_path / "validations").rglob("step_*.json"):
        row = json.loads(path.read_text())
        del row["made_with"]["evaluate_every"]
        path.write_text(json.dumps(row))
    for every in (3, 0):
        told = f"step 4 was validated, which --evaluate_every={every} does not come by"
        with pytest.raises(errors.UserError, match=told):
            _run(tmp_path, "proto_net", evaluate_every=every)
    found = _run(tmp_path, "proto_net", evaluate_every=4)
    assert found["flags"]["evaluate_every"] == 4


@pytest.mark.parametrize("is_done", [True, False])
def test_a_set_with_other_validation_images_is_refused(is_done, tmp_path, monkeypatch):
    def kill(line):
        if "% on validation classes" in line:
            raise tiny_run.Killed

    if is_done:
        _run(tmp_path, "proto_net", evaluate_every=4)
    else:
        with pytest.raises(tiny_run.Killed):
            _run(tmp_path, "proto_net", kill, evaluate_every=4)
    monkeypatch.setattr(
        class_space,
        "load",
        lambda name, split, data_dir: made_up.space(
            "test" if split == "val" else split
        ),
    )
    told = "step_0000004.json: step 4 was validated on other images"
    with pytest.raises(errors.UserError, match=told):
        _run(tmp_path, "proto_net", evaluate_every=4)
    # An older version's validations do not tell theirs.
    for path in (tmp_path / "validations").rglob("step_*.json"):
        row = json.loads(path.read_text())
        del row["made_with"]["images_sha256"]
        path.write_text(json.dumps(row))
    _run(tmp_path, "proto_net", evaluate_every=4)


def test_classes_too_small_for_the_papers_shots_are_validated_with_their_own(tmp_path):
    test = dataclasses.replace(TEST, test_queries=17)
    lines = []
    _run(tmp_path, "dimn", lines.append, test=test)
    validated = [line for line in lines if "validation classes (" in line]
    assert validated and all("(1-shot, 6 episodes)" in line for line in validated)


def test_other_statistics_are_refused_before_training(tmp_path):
    test = dataclasses.replace(TEST, test_statistics="moving")
    with pytest.raises(errors.UserError, match="maml can be tested with published or"):
        _run(tmp_path, "maml", test=test)
    assert not (tmp_path / "config.json").exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"shots": 17}, "has 20 images; expected at least 21 .17 shots and 4 queries"),
        ({"train_queries": 20}, "expected at least 21 .a training step's of a class"),
        ({"ways": 9}, "--ways=9: made_up/test has 8 classes"),
        ({"ways": 25}, "--ways=25: made_up/train has 24 classes"),
        ({"train_ways": 25}, "--train_ways=25: made_up/train has 24 classes"),
    ],
)
def test_classes_too_small_are_refused(changes, told, tmp_path):
    with pytest.raises(errors.UserError, match=told):
        _run(tmp_path, "proto_net", **changes)


@pytest.mark.parametrize(
    ("method", "name"),
    [("maml", "MAML"), ("reptile", "Reptile"), ("meta_lstm", "MetaLSTM")],
)
def test_other_ways_in_training_are_refused_where_outputs_are_classes(
    method, name, tmp_path
):
    recipe = made_up.recipe_of(method, train_ways=6)
    with pytest.raises(errors.UserError, match=f"--train_ways=6: {name} has"):
        run.train_and_test(recipe, TEST, workdir.WorkDir(tmp_path), "", _quiet)
    assert not (tmp_path / "config.json").exists()


@pytest.mark.parametrize("method", fewshot.METHODS)
def test_a_task_of_one_class_is_refused(method):
    with pytest.raises(errors.UserError, match="--train_ways=1: in a task of one cla"):
        made_up.recipe_of(method, train_ways=1)


@pytest.mark.parametrize(
    ("method", "name"), [("maml", "maml_clip"), ("meta_lstm", "lstm_clip")]
)
def test_a_clip_that_lets_no_gradient_through_is_refused(method, name):
    with pytest.raises(
        errors.UserError, match=f"--{name}=0.0: expected at least 1e-06"
    ):
        made_up.recipe_of(method, **{name: 0.0})


def test_mirror_images_are_not_asked_for_in_vain():
    with pytest.raises(errors.UserError, match="--mirror: few-shot methods match no"):
        made_up.recipe_of("proto_net", mirror=True)


def test_one_device_alone():
    with pytest.raises(errors.UserError, match="--replicas=2: few-shot methods"):
        made_up.recipe_of("proto_net", replicas=2)


@pytest.mark.parametrize(
    ("encoder", "filters"), [("conv4", 8), ("conv4_mean", 8), ("mobilenet_v2", None)]
)
def test_filters_are_those_of_the_four_convolutions(encoder, filters):
    recipe = made_up.recipe_of("proto_net", encoder=encoder)  # Of width 0.125.
    found = run_figures.figures_of(
        recipe,
        TEST,
        evaluation.Accuracy(np.array([0.5, 0.7])),
        run_figures.Validation(4, 50.0, {}),
        1.0,
        {split: made_up.space(split) for split in made_up.CLASSES},
    )
    assert found["encoder"] == encoder and found["filters"] == filters


def test_the_steps_to_choose_from_decide_about_figures():
    often, never = (
        run_figures.flags_of(made_up.recipe_of("proto_net", evaluate_every=every), TEST)
        for every in (4, 0)
    )
    assert (often.pop("evaluate_every"), never.pop("evaluate_every")) == (4, 0)
    assert often == never


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_trained_and_tested(method, tmp_path):
    found = _run(tmp_path, method, shots=1, evaluate_every=4)
    assert found["method"] == method and found["shots"] == 1
    assert len(found["per_episode"]) == 20
    assert found["accuracy"] == pytest.approx(
        100 * np.mean(found["per_episode"]), abs=1e-2
    )
    assert found["step"] in (4, 8, 10)
    json.dumps(found, allow_nan=False)


def test_a_step_before_the_mapping_is_not_chosen(tmp_path):
    lines = []
    figures = _run(tmp_path, "ppa", lines.append, evaluate_every=2, ppa_mapping_steps=4)
    early = [line for line in lines if "before the mapping: not to be chosen" in line]
    assert list(dict.fromkeys(line.split(":")[0] for line in early)) == [
        "step 2",
        "step 4",
        "step 6",
    ]
    assert figures["step"] in (8, 10)
    assert figures["images_a_class"] == [made_up.IMAGES] * 2


def test_reptiles_images_are_those_of_its_inner_steps():
    recipe = made_up.recipe_of("reptile", tasks=3, reptile_inner_steps=4)
    # 10 images each, of 5 classes at 4 images.
    assert recipe.images_seen(7) == 7 * 3 * 4 * 10
    recipe = made_up.recipe_of("reptile", tasks=3, train_images=1000)
    assert recipe.train_steps == -(-1000 // (3 * 2 * 10))
