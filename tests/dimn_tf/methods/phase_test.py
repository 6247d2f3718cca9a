"""Stretches of training: what of them is left at a step, how long they are."""

import pytest

from dimn_tf.methods import phase
from tests.dimn_tf.methods import tiny


@pytest.mark.parametrize("name", tiny.CASES)
def test_the_steps_of_phases_are_told_without_a_model(name):
    """A comparison refuses by them before its rows are trained."""
    method = tiny.method(name, 9)
    found = method.phase_steps(100, method.options)
    assert tuple(part.steps for part in method.phases(100)) == found
    in_phases = len(found) > 1
    assert in_phases == (len(method.phases(100)) > 1 or not method.has_one_kind_of_step)
    assert sum(method.learning_rate_stretches(100, method.options)) == 100


def test_what_is_left_of_phases():
    phases = [phase.Phase(name, steps, None) for name, steps in (("a", 5), ("b", 2))]

    def found(start):
        return [(p.name, a, b) for p, a, b in phase.left(phases, start)]

    assert found(0) == [("a", 0, 5), ("b", 5, 7)]
    assert found(3) == [("a", 3, 5), ("b", 5, 7)]
    assert found(5) == [("b", 5, 7)]
    assert found(6) == [("b", 6, 7)]
    assert found(7) == []
