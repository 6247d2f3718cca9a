"""A run's results on the expected trials are found, or their lack is told."""

import types

import pytest

from dimn_tf import errors
from dimn_tf.comparison import left_results
from dimn_tf.training import recipe, workdir
from tests.dimn_tf.comparison import made_up


def _found(run, trials):
    made = recipe.from_values({"method": "dimn", "train_steps": 4000})
    target = types.SimpleNamespace(
        name="viper", trials_sha256=trials, images_sha256=None
    )
    return left_results.place(run, made, [target], "refuse")


@pytest.fixture
def run(tmp_path):
    made = made_up.run(tmp_path / "run", {"viper": [0.5]})
    text = made.results.read_text().replace("made up", "dimn")
    made.results.write_text(text)
    return workdir.WorkDir(tmp_path / "run")


def test_its_results_json_where_that_is_on_these_trials(run):
    assert _found(run, "of viper") == run.results


def test_else_a_file_beside_it_which_has_to_be_there(run):
    path = _found(run, "of others")
    assert path.parent == run.root / "evaluations"
    held = {"method": "dimn", "step": 4000}
    with pytest.raises(errors.UserError) as caught:
        left_results.refuse_missing(path, run.results, held)
    assert str(run.results) in str(caught.value) and str(path) in str(caught.value)
    path.parent.mkdir()
    path.touch()
    left_results.refuse_missing(path, run.results, held)
