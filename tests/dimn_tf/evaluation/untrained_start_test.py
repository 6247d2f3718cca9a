"""Untrained results are of one start where the flags that count are equal."""

from dimn_tf.evaluation import untrained_start

DEFAULTS = {"encoder_width": 1.0, "sources": ("a",), "seed": 0}


def test_what_is_not_given_has_its_default():
    found = untrained_start.Start({"seed": 0}, DEFAULTS)
    assert found.departures == {}
    assert found.is_of({}) and found.is_of({"encoder_width": 1.0, "ranked_probes": 3})
    assert not found.is_of({"seed": 1})


def test_values_are_compared_as_they_are_read_back():
    found = untrained_start.Start({"sources": ("b", "c"), "seed": 2}, DEFAULTS)
    assert found.departures == {"sources": ["b", "c"], "seed": 2}
    assert found.is_of({"seed": 2, "sources": ["b", "c"], "encoder_width": 1})
    assert not found.is_of({"seed": 2, "sources": ["c", "b"]})
    assert not found.is_of({})
