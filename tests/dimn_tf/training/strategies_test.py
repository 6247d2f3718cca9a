"""Workers by TF_CONFIG: two local processes against one process of two replicas."""

import json
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.training import strategies, training_log


def _start(folder, index, kill_after, ports, seed=0):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.dimn_tf.training.worker"]
        + [str(folder), str(index), str(kill_after), str(seed), *map(str, ports)],
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


def _pair(folder, kill_after=(0, 0), seeds=(0, 0)):
    ports = _ports()
    started = [_start(folder, i, kill_after[i], ports, seeds[i]) for i in (0, 1)]
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
