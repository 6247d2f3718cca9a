"""Room for bytes: what is beyond it is refused, but for what is alone."""

import pytest

from dimn_tf.service import problems, room


def test_so_much_is_held_at_a_time():
    made = room.Room(10)
    made.take(6)
    made.take(4)
    with pytest.raises(problems.Problem, match="10 bytes wait, and 10 may") as told:
        made.take(1)
    assert told.value.status == 503 and told.value.headers == {"Retry-After": "1"}
    made.give(4)
    made.take(1)
    assert made.held == 7


def test_what_is_alone_is_always_taken():
    made = room.Room(10)
    made.take(99)
    with pytest.raises(problems.Problem):
        made.take(1)
    made.give(99)
    made.take(1)
    assert made.held == 1
