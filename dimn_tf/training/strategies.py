"""On which devices a run trains: one, several of a machine, several machines."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence

import keras
import tensorflow as tf

from dimn_tf import errors, tensorflow_errors

_LOST_WORKER = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)
"""What the others' collectives end with where a worker is gone."""


def make(replicas: int) -> tf.distribute.Strategy:
    """The strategy that trains on `replicas` devices.

    With TF_CONFIG in the environment, which names the workers and this one's place
    among them, those of all machines (`MultiWorkerMirroredStrategy`: each worker's
    GPUs, or its CPU as one device); TensorFlow wants it made before anything else is
    done. Without, the first `replicas` of this machine.

    Reference: https://www.tensorflow.org/guide/distributed_training#TF_CONFIG.

    Raises:
        errors.UserError: TF_CONFIG that cannot be read, or another number of devices.
    """
    if workers := _workers():
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        found = strategy.num_replicas_in_sync
        if found != replicas:
            raise errors.UserError(
                f"--replicas={replicas}: TF_CONFIG names {workers} workers, with "
                f"{found} devices in all. Give --replicas={found}, on each of them."
            )
        return strategy
    if replicas == 1:
        return tf.distribute.get_strategy()
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = tf.config.list_logical_devices(kind)
    if len(devices) < replicas:
        raise errors.UserError(
            f"--replicas={replicas}: this machine has {len(devices)} {kind} device(s)."
        )
    return tf.distribute.MirroredStrategy([d.name for d in devices[:replicas]])


def _workers() -> int:
    """Workers that TF_CONFIG names; 0 without it, or where it names this one alone."""
    text = os.environ.get("TF_CONFIG", "").strip()
    if not text:
        return 0
    try:
        config = json.loads(text)
        cluster, task = config.get("cluster", {}), config.get("task", {})
        count = sum(len(cluster.get(kind, ())) for kind in ("chief", "worker"))
        kind, index = task.get("type"), int(task.get("index", -1))
        known = count < 2 or (
            kind in ("chief", "worker") and 0 <= index < len(cluster.get(kind, ()))
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise errors.UserError(
            f"TF_CONFIG={text[:200]}: expected JSON such as "
            '{"cluster": {"worker": ["host1:12345", "host2:12345"]}, '
            f'"task": {{"type": "worker", "index": 0}}}} ({error}).'
        ) from error
    if not known:
        raise errors.UserError(
            f"TF_CONFIG={text[:200]}: its task is {kind} {index}, which its cluster "
            "does not have; expected type `worker` (or `chief`) and an index of it."
        )
    return count if count > 1 else 0


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the work directory: one of all workers does."""
    resolver = strategy.cluster_resolver
    if resolver is None or not hasattr(resolver, "task_type"):
        return True
    kind, index = resolver.task_type, resolver.task_id
    if kind in (None, "", "chief"):
        return True
    has_chief = "chief" in resolver.cluster_spec().jobs
    return kind == "worker" and index == 0 and not has_chief


@contextlib.contextmanager
def losing_workers(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Says of a block that works with other workers when one of them is gone.

    Args:
        strategy: Of all workers; the errors of a single machine stay as they are.

    Raises:
        errors.UserError: another worker ended, or cannot be reached.
    """
    try:
        yield
    except _LOST_WORKER as error:
        if strategy.cluster_resolver is None:
            raise
        raise errors.UserError(
            "training stopped with another worker of TF_CONFIG: "
            f"{tensorflow_errors.reason(error)}. If that one ended with an error of "
            "its own, mend it; then give the same command on each machine again: it "
            "goes on from the newest checkpoint."
        ) from error


def share_from_chief(
    strategy: tf.distribute.Strategy, variables: Sequence[keras.Variable], step: int
) -> int:
    """Gives all workers the chief's values, so that it alone reads the work directory.

    Args:
        strategy: Of all workers, each of which must call this.
        variables: In the same order on each.
        step: This worker's.

    Returns:
        The chief's step.

    Raises:
        errors.UserError: a worker is gone.
    """
    if strategy.cluster_resolver is None:
        return step
    own = is_chief(strategy)

    @tf.function
    def of_chief(values):
        def contribution():
            context = tf.distribute.get_replica_context()
            is_first = context.replica_id_in_sync_group == 0
            share = tf.cast(tf.logical_and(own, is_first), tf.int32)
            return [value * tf.cast(share, value.dtype) for value in values]

        per_replica = strategy.run(contribution)
        return [
            strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
            for value in per_replica
        ]

    held = [tf.convert_to_tensor(variable.value) for variable in variables]
    with losing_workers(strategy):
        *found, found_step = of_chief([*held, tf.constant(step, tf.int64)])
        for variable, value in zip(variables, found, strict=True):
            variable.assign(value)
        return int(found_step)


def refuse_other_workers(strategy: tf.distribute.Strategy, what: str) -> None:
    """Stops all workers where one trains something else.

    Args:
        strategy: Of all workers, each of which must call this.
        what: Text of flags and data, which must be the same on each.

    Raises:
        errors.UserError: it is not, or a worker is gone.
    """
    if strategy.cluster_resolver is None:
        return
    digest = int(hashlib.sha256(what.encode()).hexdigest()[:8], 16)

    @tf.function
    def mean_of_all():
        own = strategy.run(lambda: tf.constant(digest, tf.float64))
        return strategy.reduce(tf.distribute.ReduceOp.MEAN, own, axis=None)

    # Equal digests have themselves as their mean; others cannot on every worker.
    with losing_workers(strategy):
        mean = float(mean_of_all())
    if mean != digest:
        raise errors.UserError(
            "the workers that TF_CONFIG names do not train the same: give each the "
            "same flags, code and archives (compare `dataset_stats` on each)"
        )


def dataset(
    strategy: tf.distribute.Strategy,
    make_share: Callable[[Sequence[int], int], tf.data.Dataset],
):
    """A distributed data set of which each worker reads its replicas' shares alone.

    Args:
        strategy: Of the devices.
        make_share: (replicas of this worker, replicas in all) -> elements in turn, one
            for each of those replicas a step.
    """

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        count = context.num_replicas_in_sync // context.num_input_pipelines
        first = context.input_pipeline_id * count
        return make_share(range(first, first + count), context.num_replicas_in_sync)

    if strategy.num_replicas_in_sync == 1 and strategy.cluster_resolver is None:
        made = make_share((0,), 1)
        if gpus := tf.config.list_logical_devices("GPU"):
            # The next batches wait on the device.
            made = made.apply(tf.data.experimental.prefetch_to_device(gpus[0].name, 2))
        return made
    return strategy.distribute_datasets_from_function(of_worker)
