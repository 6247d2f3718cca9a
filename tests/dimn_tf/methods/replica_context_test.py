"""Means, sums and rows of all replicas, by a second one that is made up."""

import pytest
import tensorflow as tf

from dimn_tf.methods import replica_context


class SecondOfTwo:
    """A replica context whose other replica gives `other` to each sum."""

    num_replicas_in_sync = 2
    replica_id_in_sync_group = 1

    def __init__(self, other):
        self._other = other

    def all_reduce(self, operation, value):
        assert operation == tf.distribute.ReduceOp.SUM
        return tf.nest.map_structure(lambda own: own + self._other, value)


def test_means_are_of_the_rows_in_float32():
    found = replica_context.batch_means(
        {"a": tf.constant(6, tf.int32), "b": tf.constant(9.0)}, 4
    )
    assert {name: float(value) for name, value in found.items()} == {
        "a": 1.5,
        "b": 2.25,
    }
    assert all(value.dtype == tf.float32 for value in found.values())


def test_one_replica_has_all_rows():
    rows = tf.constant([[1, 2], [3, 4]])
    assert replica_context.all_rows(rows) is rows


def test_means_are_of_all_replicas_rows(monkeypatch):
    context = SecondOfTwo(4.0)
    monkeypatch.setattr(tf.distribute, "get_replica_context", lambda: context)
    found = replica_context.batch_means(
        {"a": tf.constant(2.0), "b": tf.constant(8.0)}, 2
    )
    # 2 + 4 and 8 + 4 over 2 + 4 rows.
    assert {name: float(value) for name, value in found.items()} == {"a": 1, "b": 2}


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64, tf.float32])
def test_rows_of_all_replicas_stand_in_their_order(dtype, monkeypatch):
    large = 2**31 - 2 if dtype.is_integer else 0.5
    others = [[[5, 6], [7, 8]], [[0, 0], [0, 0]]]

    class Context(SecondOfTwo):
        def all_reduce(self, operation, value):
            return value + tf.cast(others, value.dtype)

    monkeypatch.setattr(tf.distribute, "get_replica_context", lambda: Context(0))
    found = replica_context.all_rows(tf.constant([[1, 2], [3, large]], dtype))
    assert found.dtype == dtype
    assert found.numpy().tolist() == [[5, 6], [7, 8], [1, 2], [3, large]]


def test_a_rows_gradient_goes_back_to_its_replica(monkeypatch):
    context = SecondOfTwo(0.0)
    monkeypatch.setattr(tf.distribute, "get_replica_context", lambda: context)
    rows = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape() as tape:
        tape.watch(rows)
        joined = replica_context.all_rows(rows)
        loss = tf.reduce_sum(joined * tf.reshape(tf.range(8.0), (4, 2)))
    assert tape.gradient(loss, rows).numpy().tolist() == [[4, 5], [6, 7]]


def test_sums_are_of_all_replicas_and_of_one_its_own(monkeypatch):
    own = [tf.constant([1.0, 2.0]), tf.constant(3.0)]
    assert all(a is b for a, b in zip(replica_context.summed(own), own, strict=True))
    assert replica_context.replica_of() == (1, 0)
    context = SecondOfTwo(4.0)
    monkeypatch.setattr(tf.distribute, "get_replica_context", lambda: context)
    first, second = replica_context.summed(own)
    assert first.numpy().tolist() == [5, 6] and float(second) == 7
    assert replica_context.replica_of() == (2, 1)
