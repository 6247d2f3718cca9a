"""fewshot.flags gives each row of Table 8 what its own paper and code publish.

Literal values, as they were read in the papers and the methods' own code.
"""

import dataclasses
import types

import pytest

from data_builders import registry
from dimn_tf import errors, fewshot
from dimn_tf.fewshot import meta_lstm
from experiments import own_flags
from tests.experiments.launcher import launch

ALL = {
    "ways": 5,
    "train_queries": 15,
    "test_queries": 15,
    "test_episodes": 1000,
    "test_statistics": "published",
    "image_height": 84,
    "image_width": 84,
    "encoder_weights": "none",
    "init_from": None,
    "train_steps": 60000,
    "evaluate_every": 5000,
    "validation_episodes": 200,
    "augment_flip": 0.0,
    "weight_decay": 0.0,
    "learning_rate_start": 1e-3,
    "learning_rate_end": 1e-4,
    "encoder": "conv4",
    "encoder_width": 1.0,  # 64 filters.
    "tasks": 1,
    "train_ways": 0,  # As in the test.
}
MATCHING_NET = {
    "encoder": "conv4_mean",
    "matching_context": True,
    "matching_votes": "sum",
}
META_LSTM = {
    "encoder_width": 0.5,
    "learning_rate_end": 1e-3,
    "lstm_hidden": 20,
    "lstm_clip": 0.25,
    "zero_output": False,
}
REPTILE = {
    "encoder_width": 0.5,
    "tasks": 5,
    "reptile_inner_steps": 8,
    "reptile_inner_rate": 1e-3,
    "reptile_batch": 10,
    "reptile_train_shots": 15,
    "reptile_step_start": 1.0,
    "reptile_step_end": 0.0,
    "reptile_head": "task",
    "reptile_test_steps": 50,
    "reptile_test_batch": 0,  # 5 with one shot, 15 with five.
}
MAML = {
    "encoder_width": 0.5,
    "tasks": 4,
    "learning_rate_end": 1e-3,
    "maml_inner_rate": 0.01,
    "maml_inner_steps": 5,
    "maml_test_steps": 10,
    "maml_first_order": False,
    "maml_clip": 10.0,
    "zero_output": False,
}
PPA = {
    "encoder": "conv4_mean",
    "train_ways": 32,
    "ppa_mapping": "two_layers",
    "ppa_mean_share": 0.3,
    "ppa_mapping_decay": 5e-4,
    "ppa_mapping_steps": 15000,
}
DIMN = {
    "encoder": "conv4_mean",
    "train_ways": 32,
    "learning_rate_start": 3.5e-4,
    "running_average": 0.5,
    "triplet_margin": 0.8,
    "matching_weight": 1.0,
    "regularisation_weight": 0.01,
    "triplet_weight": 1.0,
}
ROWS = {
    ("matching_net", 1): MATCHING_NET,
    ("matching_net", 5): MATCHING_NET,
    ("meta_lstm", 1): {**META_LSTM, "batch_norm_momentum": 0.1},
    ("meta_lstm", 5): {**META_LSTM, "batch_norm_momentum": 0.05},
    ("reptile", 1): REPTILE,
    ("reptile", 5): REPTILE,
    ("maml", 1): MAML,
    ("maml", 5): MAML,
    ("ppa", 1): PPA,
    ("ppa", 5): PPA,
    ("dimn", 1): DIMN,
    ("dimn", 5): DIMN,
    ("proto_net", 1): {"train_ways": 30},
    ("proto_net", 5): {"train_ways": 20},
}
STATISTICS = {
    "matching_net": "moving",
    "meta_lstm": "moving",  # Those that an episode's support left.
    "reptile": "query",
    "maml": "episode",
    "ppa": "moving",
    "dimn": "moving",
    "proto_net": "moving",
}


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Method and shots -> all options, of fewshot.flags."""
    found, options_of = {}, own_flags.options_of

    def spy(method, shots, of_runs):
        recipe, test = options_of(method, shots, of_runs)
        groups = [group for of in recipe.parts().values() for group in of]
        values = {"augment_flip": recipe.augmentation.flip}
        for group in (*groups, test):
            values |= dataclasses.asdict(group)
        found[method, shots] = values
        return recipe, test

    def build(*places):
        raise errors.UserError("seen")

    table = tmp_path_factory.mktemp("table")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_flags, "options_of", spy)
        patch.setattr(registry, "build", build)
        launch(
            "fewshot", "--flagfile=fewshot.flags", "--method=all", "--workdir=unused",
            f"--results_dir={table}", code=1,
        )  # fmt: skip
    return found


def test_these_are_the_rows(asked):
    assert set(asked) == set(ROWS) and {m for m, _ in ROWS} == set(fewshot.METHODS)


@pytest.mark.parametrize(("method", "shots"), ROWS)
def test_a_rows_recipe_is_the_published_one(method, shots, asked):
    expected = {**ALL, **ROWS[method, shots], "shots": shots}
    found = asked[method, shots]
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("method", STATISTICS)
def test_published_statistics_at_test(method):
    assert fewshot.METHODS[method].statistics[0] == STATISTICS[method]


@pytest.mark.parametrize(("shots", "updates"), [(1, 12), (5, 8)])
def test_updates_of_a_learner(shots, updates, asked):
    options = types.SimpleNamespace(lstm_updates=0, shots=shots)
    assert asked["meta_lstm", shots]["lstm_updates"] == 0
    learner = types.SimpleNamespace(options=options)
    assert meta_lstm.MetaLSTM.updates.fget(learner) == updates
