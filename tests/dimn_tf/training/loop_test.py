"""The loop: what is done, when the host looks, and what it sees then."""

import math

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import encoders, methods
from dimn_tf.data import batch_request
from dimn_tf.training import fused_adam, loop
from tests.dimn_tf.methods import tiny


class Watch(loop.Hook):
    def __init__(self, every=0):
        self.every = every
        self.looks = []
        self.begun = None

    def begin(self, step):
        self.begun = step

    def look(self, look):
        self.looks.append(look)


def _run(watches, start=0, end=10, values=None, **changes):
    """Adds up the numbers of a data set; a step's scalar is its number."""
    total = tf.Variable(0.0)

    def step(number):
        total.assign_add(number)
        return {"number": number, "double": 2 * number}

    values = range(start + 1, end + 1) if values is None else values
    data = tf.data.Dataset.from_tensor_slices([float(v) for v in values])
    given = {"seconds_between_looks": 1e9, **changes}
    loop.run(step, data, start, end, watches, **given)
    return float(total)


@pytest.mark.parametrize("at_a_time", [1, 3, 100])
def test_every_step_is_done_once_and_looks_fall_on_multiples(at_a_time):
    fours, threes = Watch(4), Watch(3)
    assert _run([fours, threes], steps_per_execution=at_a_time) == 55
    assert fours.begun == 0
    steps = [look.step for look in fours.looks]
    assert steps == [1, 3, 4, 6, 8, 9, 10]
    assert [look.steps for look in fours.looks] == [1, 2, 1, 2, 2, 1, 1]
    # Steps 5 and 6 gave 5 and 6.
    assert fours.looks[3].means == {"number": 5.5, "double": 11.0}
    assert [look.is_first for look in fours.looks] == [True] + [False] * 6
    assert [look.is_last for look in fours.looks] == [False] * 6 + [True]
    assert fours.looks == threes.looks


def test_a_resumed_run_goes_on_counting():
    watch = Watch(5)
    assert _run([watch], start=7, end=12) == 8 + 9 + 10 + 11 + 12
    assert [look.step for look in watch.looks] == [8, 10, 12]


def test_nothing_is_done_where_all_is_done():
    watch = Watch(5)
    assert _run([watch], start=10, end=10) == 0
    assert watch.begun == 10 and watch.looks == []


def test_without_a_reason_nobody_looks_and_after_some_time_everybody():
    watch = Watch()
    _run([watch])
    assert [look.step for look in watch.looks] == [1, 10]
    watch = Watch()
    _run([watch], seconds_between_looks=0.0)
    assert [look.step for look in watch.looks] == list(range(1, 11))


@pytest.mark.parametrize("at_a_time", [1, 4])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_the_first_step_that_is_not_finite_is_named(bad, at_a_time):
    watch = Watch(5)
    # It stays so: the fifth step is no better, and not the first.
    values = [1, 2, 3, bad, 7 * bad, 6, 7, 8, 9, 10]
    with pytest.raises(loop.NonFiniteError) as caught:
        _run([watch], values=values, steps_per_execution=at_a_time)
    assert caught.value.step == 4
    # Of that step, and not of the look.
    double = 2 * bad
    assert str(caught.value) == f"step 4: {{'number': {bad}, 'double': {double}}}"
    assert not math.isfinite(caught.value.values["number"])
    # Seen at the next look, before any hook could save it.
    assert [look.step for look in watch.looks] == [1]


class Clock(Watch):
    """Counts a second a step, and a hundred that this hook takes."""

    def __init__(self, monkeypatch):
        super().__init__()
        self.now = 0.0
        monkeypatch.setattr(loop.time, "monotonic", lambda: self.now)

    def look(self, look):
        super().look(look)
        self.now += 100.0

    def step(self, number):
        def tick():
            self.now += 1.0

        tf.numpy_function(tick, [], [])
        return {"number": number}


def test_a_look_after_some_time_and_without_what_hooks_took(monkeypatch):
    clock = Clock(monkeypatch)
    data = tf.data.Dataset.from_tensor_slices([float(v) for v in range(10)])
    loop.run(clock.step, data, 0, 10, [clock], seconds_between_looks=3.0)
    assert [look.step for look in clock.looks] == [1, 4, 7, 10]
    assert [look.seconds for look in clock.looks] == [1.0, 3.0, 3.0, 3.0]
    assert [look.steps for look in clock.looks] == [1, 3, 3, 3]


def test_without_a_word_it_looks_every_ten_seconds(monkeypatch):
    clock = Clock(monkeypatch)
    data = tf.data.Dataset.from_tensor_slices([float(v) for v in range(25)])
    loop.run(clock.step, data, 0, 25, [clock])
    assert [look.step for look in clock.looks] == [1, 11, 21, 25]


def test_hooks_are_called_in_their_order():
    order = []

    class Named(loop.Hook):
        def __init__(self, name):
            self.name = name

        def begin(self, step):
            order.append((self.name, step))

        def look(self, look):
            order.append((self.name, look.step))

    _run([Named("a"), loop.Hook(), Named("b")], start=3, end=4)
    assert order == [("a", 3), ("b", 3), ("a", 4), ("b", 4)]


@pytest.mark.parametrize("at_a_time", [1, 3, 4])
def test_no_more_is_done_than_asked_for(at_a_time):
    watch = Watch(5)
    found = _run(
        [watch], start=2, end=9, values=range(3, 30), steps_per_execution=at_a_time
    )
    assert found == sum(range(3, 10))
    assert [look.step for look in watch.looks] == [3, 5, 9]


@pytest.mark.parametrize(("at_a_time", "graphs"), [(1, [1]), (3, [1, 3])])
def test_steps_that_are_done_at_a_time_are_one_graph(at_a_time, graphs, monkeypatch):
    """Python is returned to after each graph alone."""
    traced, steps = [], loop._Device._steps

    def watch(device, count, *kept):
        traced.append(count)
        return steps(device, count, *kept)

    monkeypatch.setattr(loop._Device, "_steps", watch)
    _run([Watch()], steps_per_execution=at_a_time)
    assert traced == graphs


def test_a_strategys_replicas_are_averaged():
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    strategy.reduce = lambda operation, value, axis: (operation, axis, value + 1)[2]
    watch = Watch()
    data = tf.data.Dataset.from_tensor_slices([1.0, 2.0])
    loop.run(lambda x: {"x": x}, data, 0, 2, [watch], strategy)
    assert watch.looks[-1].means == {"x": 3.0}


def test_order_of_scalars_is_the_steps():
    watch = Watch()
    _run([watch])
    assert list(watch.looks[0].means) == ["number", "double"]


def test_pace_and_means_weigh_looks_by_their_steps():
    looks = [
        loop.Look(1, 1, {"loss": 1.0}, 60.0, is_first=True),
        loop.Look(3, 2, {"loss": 4.0}, 3.0),
        loop.Look(4, 1, {"loss": 7.0}, 3.0),
    ]
    assert not looks[1].is_first and not looks[1].is_last
    assert loop.pace(looks) == 2.0
    assert loop.means(looks) == {"loss": 4.0}
    assert math.isnan(loop.pace(looks[:1]))


def test_xla_does_the_same_steps():
    watch = Watch(2)
    number = {"jit_compile": True}
    with tf.device("CPU"):
        data = tf.data.Dataset.from_tensor_slices([1.0, 2.0])
        loop.run(lambda x: {"square": x * x}, data, 0, 2, [watch], **number)
    assert watch.looks[-1].means == {"square": 4.0}


@pytest.mark.slow
@pytest.mark.parametrize("at_a_time", [1, 2])
def test_a_whole_mobilenet_is_stepped_through(at_a_time):
    """Of this size TensorFlow rewrites sums of gradients to temporary variables.

    In a `tf.while_loop` their names clashed in the second step; smaller nets have none.
    """
    pairs = 32
    encoder = encoders.build_encoder("mobilenet_v2", 128, 64, 1.0)
    method = methods.DIMN(encoder, methods.DIMN.Options())
    method.build_training(tiny.labels(300), batch_request.BatchRequest(pairs))
    method.compile(optimizer=fused_adam.FusedAdam(1e-4), jit_compile=False)
    method.optimizer.build(method.trainable_variables)
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (pairs, 2, 128, 64, 3))
    batch = {"images": tf.constant(images, tf.float32), "labels": tf.range(pairs)}
    watch = Watch()
    data = tf.data.Dataset.from_tensors(batch).repeat(4)
    loop.run(method.train_step, data, 0, 4, [watch], steps_per_execution=at_a_time)
    assert watch.looks[-1].is_last and watch.looks[-1].means["loss"] > 0


@pytest.mark.parametrize("at_a_time", [1, 100])
@pytest.mark.parametrize("start, expected", [(0, [4, 8]), (4, [8]), (5, [8])])
def test_batches_are_renewed_after_multiples(start, expected, at_a_time):
    asked = []

    def after(done):
        """From there on each number counts a hundred more."""
        asked.append(done)
        numbers = [100.0 * len(asked) + n for n in range(done + 1, 13)]
        return tf.data.Dataset.from_tensor_slices(numbers)

    watch = Watch()
    total = _run(
        [watch],
        start,
        12,
        steps_per_execution=at_a_time,
        renewed=after,
        renew_every=4,
    )
    assert asked == expected
    plain = sum(range(start + 1, 13))
    hundreds = sum(100 * (min(12, s + 4) - s) * (i + 1) for i, s in enumerate(expected))
    assert total == plain + hundreds
    assert [look.step for look in watch.looks][-1] == 12


def test_renewed_batches_trace_nothing_again():
    traced = []

    def step(number):
        traced.append(number)
        return {"number": number}

    def after(done):
        return tf.data.Dataset.range(done, 9).map(lambda n: tf.cast(n, tf.float32))

    loop.run(step, after(0), 0, 9, [], renewed=after, renew_every=2)
    assert len(traced) == 1
