"""The shipped lists."""

import pytest

from dimn_tf.evaluation.protocols import registry, shipped, trial_text

# By the code that drew them first: results on disk name them by these.
_HASHES = {
    "viper": "90d17682b538ebc262e92dad3a8c98d19d3a7e20584ba27bc092f3a37bbf5693",
    "prid": "508875634bddcf790ed8d0584bb2c61ce0fbac4721ca5c33608f549cf1da144c",
    "ilids": "0878ed1e43cbc688ab7bccbc0306b0f758e335decd2cc58a486dc13011c54e87",
}


@pytest.mark.parametrize(
    ("name", "probes", "gallery"),
    [("viper", 316, 316), ("prid", 100, 649), ("ilids", 60, 60)],
)
def test_shipped_lists(name, probes, gallery):
    trials = shipped.shipped_list(name)
    assert trial_text.sha256(trials) == _HASHES[name]
    assert len(trials) == 10 and len({t.name for t in trials}) == 10
    for trial in trials:
        assert trial.paired and trial.camera_rule == "none"
        assert len(set(trial.pairs)) == probes
        assert len(set(trial.gallery)) == len(trial.gallery) == gallery


def test_a_protocol_that_draws_has_a_list():
    drawn = {name for name, known in registry.PUBLISHED.items() if known.draw}
    assert drawn == _HASHES.keys()
