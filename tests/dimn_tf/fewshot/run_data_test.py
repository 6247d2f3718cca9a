"""What a few-shot run is laid out of: what cannot be is told before hours."""

import pytest

from dimn_tf import errors, fewshot
from dimn_tf.fewshot import options, recipe, run_data


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"average_weights_from": 0.9}, "--average_weights_from=0.9: --method=ppa tr"),
        ({"learning_rate_decay": "cosine"}, "--learning_rate_decay=cosine: this meth"),
        ({"ppa_mapping_steps": 99}, "--ppa_mapping_steps=99: more than the run's 9 "),
        ({"frozen_through": "stem"}, "--frozen_through=stem: with --encoder_weights="),
        ({"frozen_through": "stem", "init_from": "a"}, "conv4 has no such place"),
    ],
)
def test_what_a_training_would_refuse_is_refused(given, told):
    values = {"method": "ppa", "train_steps": 9, "ppa_mapping_steps": 3, **given}
    with pytest.raises(errors.UserError, match=told):
        run_data.lay(recipe.from_values(values), options.TestOptions(), {})


@pytest.mark.parametrize("method", fewshot.METHODS)
def test_no_method_as_it_is_given_is_refused(method):
    """A look at the classes comes last: here are none."""
    found = recipe.from_values({"method": method, "train_steps": 4000})
    with pytest.raises(KeyError, match="train"):
        run_data.lay(found, options.TestOptions(), {})
