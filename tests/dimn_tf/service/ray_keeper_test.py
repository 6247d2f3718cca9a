"""The actor that several replicas share, in this process."""

import pytest

pytest.importorskip("ray", reason="the extra `ray` is not installed")

from dimn_tf.service import ray_keeper


def test_one_of_several_has_the_turn(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(ray_keeper.time, "monotonic", lambda: clock[0])
    actor = ray_keeper.Actor({})
    assert [actor.turn("sweep", 10.0) for _ in range(3)] == [True, False, False]
    assert actor.turn("other", 10.0)
    clock[0] = 9.9
    assert not actor.turn("sweep", 10.0)
    clock[0] = 10.0
    assert [actor.turn("sweep", 10.0) for _ in range(2)] == [True, False]
