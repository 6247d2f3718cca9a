"""Stretches of training: what of them is left at a step."""

from dimn_tf.methods import phase


def test_what_is_left_of_phases():
    phases = [phase.Phase(name, steps, None) for name, steps in (("a", 5), ("b", 2))]

    def found(start):
        return [(p.name, a, b) for p, a, b in phase.left(phases, start)]

    assert found(0) == [("a", 0, 5), ("b", 5, 7)]
    assert found(3) == [("a", 3, 5), ("b", 5, 7)]
    assert found(5) == [("b", 5, 7)]
    assert found(6) == [("b", 6, 7)]
    assert found(7) == []
