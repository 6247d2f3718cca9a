"""Trials over records."""

import dataclasses

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.evaluation.protocols import resolved_trial
from dimn_tf.evaluation.protocols import trial as trial_lib

_pairs = trial_lib.Trial.of_pairs


@pytest.fixture
def records(fake_records):
    rows = [("cam_a", f"a/{p}.png", p, 1) for p in (1, 2, 3)]
    rows += [("cam_b", f"b/{p}.jpg", p, 2) for p in (9, 3, 2, 1)]
    return fake_records("set", rows)


def _resolved(trial, records):
    names = [name.split(".")[0] for name in records.file_names.tolist()]
    positions = {name: i for i, name in enumerate(names)}
    return resolved_trial.ResolvedTrial.of(trial, records, positions)


def test_positions_identities_and_cameras(records):
    trial = _pairs("one", (("a/1", "b/1"), ("a/3", "b/3")), ("b/9",))
    found = _resolved(trial, records)
    np.testing.assert_array_equal(found.probe_indices, [0, 2])
    np.testing.assert_array_equal(found.gallery_indices, [6, 4, 3])
    np.testing.assert_array_equal(found.probe_ids, [1, 3])
    np.testing.assert_array_equal(found.gallery_ids, [1, 3, 9])
    assert found.probe_indices.dtype == found.gallery_indices.dtype == np.int64
    assert found.probe_cameras is None and found.gallery_cameras is None
    assert found.name == "one"
    ruled = _resolved(dataclasses.replace(trial, camera_rule="cross_camera"), records)
    assert ruled.probe_cameras.tolist() == [1, 1]
    assert ruled.gallery_cameras.tolist() == [2, 2, 2]


def test_what_is_not_paired_may_hold_any_identities(records):
    trial = trial_lib.Trial("t", ("a/1", "a/2"), ("b/3", "b/2", "b/9", "a/2"))
    assert _resolved(trial, records).gallery_ids.tolist() == [3, 2, 9, 2]


@pytest.mark.parametrize("paired", [True, False])
def test_missing_images_are_counted_and_named(records, paired):
    trial = _pairs("t", (("a/1", "b/1"), ("a/7", "b/7")), ("b/8",))
    with pytest.raises(errors.UserError) as error:
        _resolved(dataclasses.replace(trial, paired=paired), records)
    assert "names 3 of 5 images" in str(error.value)
    assert "a/7, b/7, b/8. The" in str(error.value)


def test_of_many_missing_images_five_are_named(records):
    lost = [f"b/1{k}" for k in range(6)]
    with pytest.raises(errors.UserError, match=r"b/13, b/14, \.\.\.\. The"):
        _resolved(_pairs("t", (("a/1", "b/1"),), lost), records)
    with pytest.raises(errors.UserError, match=r"b/13, b/14\. "):
        _resolved(_pairs("t", (("a/1", "b/1"),), lost[:5]), records)


def test_pairs_of_two_identities_are_refused(records):
    known, higher, lower = ("a/1", "b/1"), ("a/2", "b/3"), ("a/3", "b/2")
    for wrong in ([higher], [higher, lower]):
        with pytest.raises(errors.UserError, match="pairs a/2 with b/3.*2 and 3:"):
            _resolved(_pairs("t", (known, *wrong)), records)
    for wrong in ([lower], [lower, higher]):
        with pytest.raises(errors.UserError, match="pairs a/3 with b/2.*3 and 2:"):
            _resolved(_pairs("t", (known, *wrong)), records)


def test_a_distractor_of_a_probes_identity_is_refused(records):
    named = _pairs("t", (("a/1", "b/1"), ("a/2", "b/2")), ("a/3", "b/3"))
    assert _resolved(named, records)
    named = _pairs("t", (("a/1", "b/1"), ("a/3", "b/3")), ("b/9", "b/2"))
    assert _resolved(named, records)
    named = _pairs("t", (("a/1", "b/1"), ("b/2", "a/2")), ("b/9", "a/1"))
    with pytest.raises(errors.UserError, match="lists a/1 as a distractor"):
        _resolved(named, records)
