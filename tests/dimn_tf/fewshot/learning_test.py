"""Every method learns made-up classes whose answer is known."""

import pytest

from dimn_tf import fewshot
from dimn_tf.fewshot import options, run
from dimn_tf.training import workdir
from tests.dimn_tf.fewshot import made_up

OPTIONS = {
    "maml": {"tasks": 4, "maml_inner_steps": 3, "maml_test_steps": 5,
             "maml_inner_rate": 0.05, "learning_rate_end": 3e-3},
    "meta_lstm": {"lstm_updates": 6, "lstm_hidden": 20, "tasks": 2,
                  "learning_rate_end": 3e-3, "train_steps": 600},
    "reptile": {"tasks": 5, "reptile_inner_steps": 5, "reptile_train_shots": 10,
                "reptile_test_steps": 30, "reptile_inner_rate": 3e-3},
    "ppa": {"train_ways": 16, "ppa_mapping_steps": 100, "ppa_queries": 64},
    "dimn": {"train_ways": 16},
    "proto_net": {"train_ways": 10},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("shots", options.SHOTS)
@pytest.mark.parametrize("method", list(fewshot.METHODS))
def test_a_short_run_reaches_95_per_cent(method, shots, tmp_path, monkeypatch):
    made_up.install(monkeypatch)
    recipe = made_up.recipe_of(
        method,
        **{
            "shots": shots,
            "encoder_width": 0.5,
            "train_steps": 300,
            "train_queries": 5,
            "learning_rate_start": 3e-3,
            "learning_rate_end": 3e-4,
            "evaluate_every": 100,
            "checkpoint_every": 100,
            "log_every": 50,
            **OPTIONS.get(method, {}),
        },
    )
    test = options.TestOptions(
        test_queries=10, test_episodes=100, validation_episodes=40
    )
    found = run.train_and_test(recipe, test, workdir.WorkDir(tmp_path), "")
    assert found["accuracy"] - found["interval"] > 90
    assert found["accuracy"] > 95
