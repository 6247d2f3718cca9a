import importlib.util
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf.data import python_map

OUTPUTS = [
    tf.TensorSpec([2], tf.string),
    tf.TensorSpec([], tf.int32),
    tf.TensorSpec([2, 3], tf.float32),
]


def _function(step):
    texts = np.array([b"a%d" % step, b"b%d" % step], object)
    return texts, np.int32(step * 10), np.full((2, 3), step, np.float32)


def test_maps_in_order_with_static_shapes():
    dataset = python_map.python_map(tf.data.Dataset.range(5), _function, OUTPUTS)
    assert dataset.element_spec == tuple(OUTPUTS)
    for step, (texts, number, array) in enumerate(dataset.as_numpy_iterator()):
        assert texts.tolist() == [b"a%d" % step, b"b%d" % step]
        assert number == 10 * step
        np.testing.assert_array_equal(array, np.full((2, 3), step))
    assert step == 4


def test_one_call_at_a_time():
    under_way, most = [], []

    def watch(step):
        under_way.append(step)
        time.sleep(0.01)
        most.append(len(under_way))
        under_way.remove(step)
        return _function(step)

    dataset = python_map.python_map(tf.data.Dataset.range(20), watch, OUTPUTS)
    assert [int(n) for _, n, _ in dataset.prefetch(8)] == list(range(0, 200, 10))
    assert set(most) == {1}


def test_a_shape_other_than_promised_is_an_error():
    wrong = [tf.TensorSpec([3], tf.int64)]
    dataset = python_map.python_map(
        tf.data.Dataset.range(1), lambda step: (np.zeros(2, np.int64),), wrong
    )
    with pytest.raises(tf.errors.InvalidArgumentError):
        next(iter(dataset))


def test_an_error_in_the_function_comes_out():
    def fail(step):
        raise KeyError("no such image")

    dataset = python_map.python_map(tf.data.Dataset.range(1), fail, OUTPUTS)
    with pytest.raises(tf.errors.OpError, match="no such image"):
        next(iter(dataset))


def test_closing_ends_the_data_set_and_waits_for_the_call_under_way(monkeypatch):
    calls = python_map._Calls()
    monkeypatch.setattr(python_map, "_calls", calls)
    second, done = threading.Event(), []

    def slow(step):
        if step == 1:
            second.set()
        time.sleep(0.4)
        done.append(int(step))
        return _function(step)

    dataset = python_map.python_map(tf.data.Dataset.range(20), slow, OUTPUTS)
    batches = iter(dataset.prefetch(5))
    next(batches)
    assert second.wait(30)  # read ahead, by a thread of tf.data

    calls.close()

    finished = list(done)
    assert 1 in finished  # the call under way came to its end before `close` did
    assert [int(number) // 10 for _, number, _ in batches] == finished[1:]
    assert done == finished  # nothing was called afterwards


def test_closing_does_not_wait_for_ever(monkeypatch):
    calls = python_map._Calls()
    with calls as admitted:
        assert admitted
        start = time.monotonic()
        calls.close(patience=0.1)
        assert time.monotonic() - start < 5
    with calls as admitted:
        assert not admitted


def test_closing_waits_no_longer_than_the_calls_take():
    calls = python_map._Calls()
    with calls:
        pass
    inside = threading.Event()

    def call():
        with calls:
            inside.set()
            time.sleep(0.2)

    thread = threading.Thread(target=call)
    thread.start()
    assert inside.wait(30)
    start = time.monotonic()
    calls.close(patience=4)
    assert time.monotonic() - start < 3
    thread.join()


def test_the_pipelines_end_before_the_interpreter_does(monkeypatch):
    registered = []
    monkeypatch.setattr(python_map.atexit, "register", registered.append)
    # A copy of its own: the one that is in use stays open.
    spec = importlib.util.spec_from_file_location("copy", python_map.__file__)
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    (at_exit,) = registered
    with copy._calls as admitted:
        assert admitted
    at_exit()
    with copy._calls as admitted:
        assert not admitted
