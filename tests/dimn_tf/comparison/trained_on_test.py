"""Targets that were trained on are marked, and means over them."""

from dimn_tf.comparison import trained_on

SEEN, NEW = {"seen_in_training": {"persons": 3}}, {"mAP": 4.0}


def test_a_target_is_marked_where_persons_of_it_were_trained_on():
    assert trained_on.of_target(SEEN) == " (TRAINED ON)"
    assert trained_on.of_target(NEW) == ""


def test_a_mean_tells_of_how_many():
    assert trained_on.of_mean({"targets": {"a": SEEN, "b": NEW, "c": SEEN}}) == (
        " (2 of 3 TRAINED ON)"
    )
    assert trained_on.of_mean({"targets": {"a": NEW}}) == ""
