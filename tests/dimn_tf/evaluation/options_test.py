"""Options of an evaluation: their defaults are in every result, none trains."""

import dataclasses

import pytest

from dimn_tf import config, errors
from dimn_tf.evaluation import options


def test_defaults():
    assert dataclasses.asdict(options.EvaluationOptions()) == {
        "viper_trials": "halves",
        "trial_seed": 0,
        "own_trials": "auto",
        "gallery_images": 1,
        "camera_rule": "none",
        "unmatched_probes": "refuse",
        "evaluation_batch_size": 64,
        "ranked_probes": 8,
    }


def test_none_changes_what_is_trained():
    fields = dataclasses.fields(options.EvaluationOptions)
    assert not any(field.metadata["changes_result"] for field in fields)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("viper_trials", "both_ways", "all"),
        ("own_trials", "all", "cuhk"),
        ("camera_rule", "cross_camera", "market"),
        ("unmatched_probes", "apart", "drop"),
        ("gallery_images", 0, -1),
        ("evaluation_batch_size", 1, 0),
        ("ranked_probes", 0, -1),
    ],
)
def test_other_values_are_refused(name, good, bad):
    config.check(options.EvaluationOptions(**{name: good}))
    with pytest.raises(errors.UserError, match=name):
        config.check(options.EvaluationOptions(**{name: bad}))


def test_they_cannot_be_changed_under_way():
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.EvaluationOptions().trial_seed = 1
