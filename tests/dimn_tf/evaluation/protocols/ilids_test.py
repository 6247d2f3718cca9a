"""QMUL i-LIDS: 60 of 119 persons."""

from dimn_tf.evaluation.protocols import ilids
from tests.dimn_tf.evaluation.protocols import asking, pairs_test


def test_half_of_the_persons(fake_records):
    trials = ilids.draw(asking.asked(pairs_test.ilids_like(fake_records)))
    assert [len(trial.probes) for trial in trials] == [60] * 10
    assert all(trial.paired and not trial.distractors for trial in trials)
