"""Trains on one device and on two, and prints the largest difference (a script)."""

import json
import sys

import numpy as np
import tensorflow as tf


def main(name: str) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    from tests.dimn_tf.methods import tiny

    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    batches = [
        tiny.batch(labels, seed)
        for seed, labels in enumerate(([4, 0, 7, 2], [1, 2, 3, 4], [8, 4, 0, 6]))
    ]
    data = tf.data.Dataset.from_tensor_slices(
        {k: tf.stack([b[k] for b in batches]) for k in batches[0]}
    )
    results, logs = [], []
    for scope in (tf.distribute.get_strategy(), strategy):
        with scope.scope():
            method = tiny.method(name, 9)
        start = [w.copy() for w in method.get_weights()]
        history = method.fit(data, shuffle=False, verbose=0)
        results.append(method.get_weights())
        logs.append({k: v[-1] for k, v in history.history.items()})
    print(
        json.dumps(
            {
                "replicas": strategy.num_replicas_in_sync,
                "difference": max(
                    float(np.abs(a - b).max()) for a, b in zip(*results, strict=True)
                ),
                "moved": min(
                    float(np.abs(a - b).max())
                    for a, b in zip(start, results[1], strict=True)
                ),
                "one": logs[0],
                "two": logs[1],
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
