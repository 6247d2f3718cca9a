"""Workers by TF_CONFIG: two local processes against one process of two replicas."""

import json
import socket
import subprocess
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.training import strategies, training_log


def _start(folder, index, kill_after, ports, **changes):
    given = [folder, index, kill_after, json.dumps(changes), *ports]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.dimn_tf.training.worker", *map(str, given)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _ports():
    sockets = [socket.socket() for _ in range(2)]
    for free in sockets:
        free.bind(("localhost", 0))
    ports = [free.getsockname()[1] for free in sockets]
    for free in sockets:
        free.close()
    return ports


def _pair(folder, kill_after=(0, 0), seeds=(0, 0), **changes):
    ports = _ports()
    started = [
        _start(folder, i, kill_after[i], ports, seed=seeds[i], **changes)
        for i in (0, 1)
    ]
    texts = [process.communicate(timeout=300)[0] for process in started]
    return [process.returncode for process in started], texts


@pytest.mark.slow
def test_two_workers_equal_two_replicas_and_go_on_after_a_kill(tmp_path):
    both = _start(tmp_path, "both", 0, ())
    text, _ = both.communicate(timeout=300)
    assert both.returncode == 0, text[-3000:]
    # The second worker is killed after step 7, between two checkpoints.
    codes, texts = _pair(tmp_path, kill_after=(0, 7))
    assert codes[1] == -9
    assert codes[0] != 0, texts[0][-3000:]
    assert "error: training stopped with another worker" in texts[0], texts[0][-3000:]
    assert not (tmp_path / "0.npz").exists()
    codes, texts = _pair(tmp_path)
    assert codes == [0, 0], texts[0][-3000:] + texts[1][-3000:]
    assert "ckpt-5 (step 5 of 10)" in texts[0]
    # The second has no folder to read: it has its values from the first.
    assert not (tmp_path / "run_1").exists()
    with (
        np.load(tmp_path / "both.npz") as one,
        np.load(tmp_path / "0.npz") as first,
        np.load(tmp_path / "1.npz") as second,
    ):
        assert set(one.files) == set(first.files) == set(second.files)
        for name in one.files:
            np.testing.assert_array_equal(first[name], second[name], err_msg=name)
            # Batch norm takes a bias before it out again: its gradient is rounding
            # alone, of which Adam makes whole steps (10 of 3.5e-4 at the most).
            limit = 3.5e-3 if "convolution" in name and "bias" in name else 5e-4
            np.testing.assert_allclose(
                one[name], first[name], rtol=1e-3, atol=limit, err_msg=name
            )
    rows = [
        training_log.read(tmp_path / run / "training_log.csv")
        for run in ("run_both", "run_0")
    ]
    assert [row["step"] for row in rows[1]] == list(range(1, 11))
    for a, b in zip(*rows, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)


@pytest.mark.slow
def test_options_for_unseen_cameras_on_two_workers(tmp_path):
    """The first one ends with the mean, as both replicas of one process do."""
    changes = {
        "instance_norm_through": "stem",
        "feature_neck": True,
        "average_weights_from": 0.4,
        "hard_share": 1.0,
        "hard_group": 2,
        "hard_search_every": 3,
    }
    both = _start(tmp_path, "both", 0, (), **changes)
    text, _ = both.communicate(timeout=300)
    assert both.returncode == 0, text[-3000:]
    codes, texts = _pair(tmp_path, **changes)
    assert codes == [0, 0], texts[0][-3000:] + texts[1][-3000:]
    assert "Taking the mean of the weights after steps 5 to 10" in texts[0]
    assert "Taking the mean" not in texts[1]
    with np.load(tmp_path / "both.npz") as one, np.load(tmp_path / "0.npz") as first:
        assert set(one.files) == set(first.files)
        assert {"neck/gamma", "stem_instance_norm/gamma"} <= set(one.files)
    with np.load(tmp_path / "0.npz") as first, np.load(tmp_path / "1.npz") as second:
        for name in first.files:
            if "classifier" in name:  # What batches are drawn by next.
                np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    with np.load(tmp_path / "both.npz") as one, np.load(tmp_path / "0.npz") as first:
        for name in one.files:
            limit = 3.5e-3 if "convolution" in name and "bias" in name else 5e-4
            np.testing.assert_allclose(
                one[name], first[name], rtol=1e-3, atol=limit, err_msg=name
            )


@pytest.mark.slow
def test_workers_that_do_not_train_the_same_are_stopped(tmp_path):
    codes, texts = _pair(tmp_path, seeds=(0, 1))
    assert codes == [1, 1]
    for text in texts:
        assert "error: the workers that TF_CONFIG names do not train the same" in text
    assert not (tmp_path / "run_0" / "config.json").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "expected JSON such as"),
        ("[]", "expected JSON such as"),
        (
            json.dumps(
                {
                    "cluster": {"worker": ["a:1", "b:1"]},
                    "task": {"type": "worker", "index": 2},
                }
            ),
            "its task is worker 2, which its cluster does not have",
        ),
        (json.dumps({"cluster": {"worker": ["a:1", "b:1"]}}), "its task is None -1"),
    ],
)
def test_a_tf_config_that_is_none_is_told(text, expected, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(errors.UserError, match=expected):
        strategies.make(2)


class _LosingWorkers:
    """A strategy of machines of which one is gone, as its collectives tell."""

    cluster_resolver = None

    def run(self, function, args=()):
        raise tf.errors.UnavailableError(None, None, "{{node a}} task 1 has crashed")


@pytest.mark.parametrize(
    "ask",
    [
        lambda strategy: strategies.refuse_other_workers(strategy, "flags"),
        lambda strategy: strategies.share_from_chief(strategy, [], 3),
    ],
    ids=["refuse_other_workers", "share_from_chief"],
)
def test_a_worker_lost_before_the_first_step_is_told_as_in_the_loop(ask, monkeypatch):
    strategy = _LosingWorkers()
    strategy.cluster_resolver = object()
    # What traces a function takes the error for one of the code.
    monkeypatch.setattr(strategies.tf, "function", lambda function: function)
    monkeypatch.setattr(strategies, "is_chief", lambda strategy: False)
    with pytest.raises(
        errors.UserError, match="stopped with another worker of TF_CONFIG: task 1 has"
    ):
        ask(strategy)


def test_one_machines_own_errors_stay():
    with (
        pytest.raises(tf.errors.UnavailableError),
        strategies.losing_workers(_LosingWorkers()),
    ):
        _LosingWorkers().run(None)


def test_one_worker_alone_is_this_machine(monkeypatch):
    alone = {"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(alone))
    strategy = strategies.make(1)
    assert strategy.num_replicas_in_sync == 1
    assert strategies.is_chief(strategy)
    assert strategies.share_from_chief(strategy, [], 7) == 7


class TwoWorkers:
    """What a strategy of two workers does where the other one gives 0, or `other`."""

    def __init__(self, kind, index, jobs=("worker",), other=0.0):
        self.cluster_resolver = types.SimpleNamespace(
            task_type=kind,
            task_id=index,
            cluster_spec=lambda: types.SimpleNamespace(jobs=list(jobs)),
        )
        self._other = other

    def run(self, function):
        return function()

    def reduce(self, operation, value, axis):
        assert axis is None
        total = value + tf.cast(tf.constant(self._other, tf.float64), value.dtype)
        return total if operation == tf.distribute.ReduceOp.SUM else total / 2


@pytest.mark.parametrize(
    ("kind", "index", "jobs", "expected"),
    [
        ("worker", 0, ["worker"], True),
        ("worker", 1, ["worker"], False),
        ("worker", 0, ["chief", "worker"], False),
        ("chief", 0, ["chief", "worker"], True),
        ("evaluator", 0, ["worker"], False),
        (None, None, [], True),
        ("", 0, [], True),
    ],
)
def test_one_of_all_workers_is_the_chief(kind, index, jobs, expected):
    assert strategies.is_chief(TwoWorkers(kind, index, jobs)) is expected


def test_without_workers_the_process_is_the_chief():
    assert strategies.is_chief(tf.distribute.get_strategy())
    other = types.SimpleNamespace(cluster_resolver=types.SimpleNamespace())
    assert strategies.is_chief(other)


@pytest.mark.parametrize(("index", "expected"), [(0, 5.0), (1, 2.0)])
def test_all_have_the_chiefs_values(index, expected):
    """The other one gives 2: the chief's, where this one is not the chief."""
    variables = [keras.Variable([3.0, 3.0]), keras.Variable([3], dtype="int32")]
    strategy = TwoWorkers("worker", index, other=2)
    assert strategies.share_from_chief(strategy, variables, 3) == expected
    for variable in variables:
        assert set(variable.numpy().tolist()) == {expected}


def test_workers_of_one_text_go_on_and_others_stop():
    def other(what):
        """The digest that another worker has of it."""
        seen = []
        spy = TwoWorkers("worker", 0)
        spy.reduce = lambda operation, value, axis: seen.append(value) or value
        strategies.refuse_other_workers(spy, what)
        return float(tf.get_static_value(seen[0]))

    assert other("flags") == other("flags") != other("flag")
    same = TwoWorkers("worker", 0, other=other("flags"))
    strategies.refuse_other_workers(same, "flags")
    with pytest.raises(errors.UserError, match="do not train the same"):
        strategies.refuse_other_workers(same, "other flags")
    strategies.refuse_other_workers(tf.distribute.get_strategy(), "flags")


@pytest.mark.parametrize(
    ("cluster", "task", "count"),
    [
        ({}, {}, 0),
        ({"worker": ["a:1"]}, {"type": "worker", "index": 0}, 0),
        ({"chief": ["a:1"]}, {"type": "chief", "index": 0}, 0),
        ({"worker": ["a:1", "b:1"]}, {"type": "worker", "index": 1}, 2),
        ({"chief": ["a"], "worker": ["b", "c"]}, {"type": "worker", "index": 1}, 3),
        ({"chief": ["a:1"], "worker": ["b:1"]}, {"type": "chief", "index": "0"}, 2),
        ({"worker": ["a:1", "b:1"], "ps": ["c:1"]}, {"type": "worker", "index": 0}, 2),
    ],
)  # fmt: skip
def test_workers_are_counted(cluster, task, count, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    made = types.SimpleNamespace(num_replicas_in_sync=7)
    monkeypatch.setattr(
        tf.distribute, "MultiWorkerMirroredStrategy", lambda: made, raising=False
    )
    if not count:
        assert strategies.make(1) is tf.distribute.get_strategy()
        return
    assert strategies.make(7) is made
    expected = f"--replicas=2: TF_CONFIG names {count} workers, with 7 devices"
    with pytest.raises(errors.UserError, match=expected):
        strategies.make(2)


@pytest.mark.parametrize(
    "task",
    [
        {"type": "worker", "index": -1},
        {"type": "worker"},
        {"type": "chief", "index": 0},
        {"type": "ps", "index": 0},
    ],
)
def test_a_task_that_the_cluster_does_not_have_is_told(task, monkeypatch):
    cluster = {"worker": ["a:1", "b:1"], "ps": ["c:1"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    with pytest.raises(errors.UserError, match="which its cluster does not have"):
        strategies.make(2)


def test_an_index_that_is_no_number_is_told(monkeypatch):
    config = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": "x"}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(errors.UserError, match="expected JSON such as"):
        strategies.make(2)


def test_the_first_devices_of_a_machine_are_taken(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    devices = [types.SimpleNamespace(name=f"/CPU:{i}") for i in range(3)]
    found = {"CPU": devices, "GPU": []}
    monkeypatch.setattr(tf.config, "list_logical_devices", found.__getitem__)
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda names: names)
    assert strategies.make(2) == ["/CPU:0", "/CPU:1"]
    assert strategies.make(3) == ["/CPU:0", "/CPU:1", "/CPU:2"]
    with pytest.raises(errors.UserError, match="this machine has 3 CPU device"):
        strategies.make(4)
    found["GPU"] = [types.SimpleNamespace(name="/GPU:0")]
    with pytest.raises(errors.UserError, match="this machine has 1 GPU device"):
        strategies.make(2)


def test_a_device_alone_reads_all():
    asked, made = [], tf.data.Dataset.range(2)

    def make_share(replicas, count):
        asked.append((tuple(replicas), count))
        return made

    assert strategies.dataset(tf.distribute.get_strategy(), make_share) is made
    assert asked == [((0,), 1)]


@pytest.mark.parametrize(("worker", "expected"), [(0, (0, 1)), (2, (4, 5))])
def test_a_worker_reads_its_own_replicas_shares(worker, expected):
    context = types.SimpleNamespace(
        num_replicas_in_sync=6, num_input_pipelines=3, input_pipeline_id=worker
    )
    several = types.SimpleNamespace(
        num_replicas_in_sync=6,
        cluster_resolver=None,
        distribute_datasets_from_function=lambda of_worker: [of_worker(context)],
    )
    found = strategies.dataset(several, lambda replicas, count: (*replicas, count))
    assert found == [(*expected, 6)]
    # One replica in all, but of a worker: its strategy makes the data set.
    context.num_replicas_in_sync = context.num_input_pipelines = 1
    context.input_pipeline_id = 0
    several.num_replicas_in_sync, several.cluster_resolver = 1, object()
    found = strategies.dataset(several, lambda replicas, count: (*replicas, count))
    assert found == [(0, 1)]
