"""Trials by name."""

import dataclasses

import pytest

from dimn_tf import errors
from dimn_tf.evaluation.protocols import trial as trial_lib

_PAIRS = (("a/1", "b/1"), ("a/3", "b/3"))


def test_a_paired_trial_holds_its_matches_first():
    trial = trial_lib.Trial.of_pairs("t", iter(_PAIRS), ["b/9"])
    assert trial.probes == ("a/1", "a/3") and trial.gallery == ("b/1", "b/3", "b/9")
    assert trial.paired and trial.camera_rule == "none"
    assert trial.pairs == _PAIRS and trial.distractors == ("b/9",)


def test_swapped():
    swapped = trial_lib.Trial.of_pairs("one", _PAIRS).swapped()
    assert swapped.name == "one_swapped" and swapped.paired
    assert swapped.pairs == (("b/1", "a/1"), ("b/3", "a/3"))
    with pytest.raises(errors.UserError, match="1 distractors"):
        trial_lib.Trial.of_pairs("one", _PAIRS, ["b/9"]).swapped()
    with pytest.raises(errors.UserError, match="no pairs"):
        trial_lib.Trial("one", ("a",), ("b",)).swapped()


def test_what_contradicts_itself_is_refused():
    with pytest.raises(ValueError, match="'market', expected one of none, cross_cam"):
        trial_lib.Trial("t", ("a",), ("b",), camera_rule="market")
    with pytest.raises(ValueError, match="2 probes are paired with 1"):
        trial_lib.Trial("t", ("a", "b"), ("c",), paired=True)
    whole = trial_lib.Trial("t", ("a", "b"), ("c", "d"), paired=True)
    assert dataclasses.replace(whole, paired=False).gallery == ("c", "d")
