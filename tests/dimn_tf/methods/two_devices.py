"""Trains methods on one device and on two; prints the differences (a script).

python -m tests.dimn_tf.methods.two_devices NAME...
"""

import json
import sys

import numpy as np
import tensorflow as tf

# Three batches, whose halves have identities of each domain.
_LABELS = [4, 0, 8, 1, 2, 3, 7, 5], [0, 1, 2, 3, 4, 5, 6, 7], [8, 4, 0, 7, 6, 1, 5, 2]


def main(*names: str) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    # One strategy: the collectives of a second one would clash with the first's.
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    print(json.dumps({name: compared(name, two) for name in names}))


def compared(name: str, two: tf.distribute.Strategy) -> dict[str, object]:
    """Largest difference of three steps on one device and on two, and their means."""
    from dimn_tf.methods import phase
    from dimn_tf.training import loop, strategies
    from tests.dimn_tf.methods import tiny

    asking = tiny.method(name, 9, identities=8)
    # Identities are behind the batches of a step, where it has several.
    axis = len(asking.request.leading)
    batches = [
        tiny.batch_of(asking, labels, seed) for seed, labels in enumerate(_LABELS)
    ]

    def share(replicas, num_replicas):
        rows = 8 // num_replicas
        parts = [
            {
                k: tf.gather(v, range(r * rows, (r + 1) * rows), axis=axis)
                for k, v in batch.items()
            }
            for batch in batches
            for r in replicas
        ]
        return tf.data.Dataset.from_tensor_slices(
            {k: tf.stack([part[k] for part in parts]) for k in parts[0]}
        )

    def steps(replicas, num_replicas):
        numbers = [step for step in range(3) for _ in replicas]
        return tf.data.Dataset.from_tensor_slices({"step": numbers})

    class Keep(loop.Hook):
        def look(self, look):
            self.means = look.means

    results, logs = [], []
    for strategy in (tf.distribute.get_strategy(), two):
        with strategy.scope():
            method = tiny.method(name, 9, identities=8)
        start = [w.copy() for w in method.get_weights()]
        kept = Keep()
        for part, first, last in phase.left(method.phases(3), 0):
            data = strategies.dataset(strategy, share if part.takes_images else steps)
            if part.begin:
                part.begin(lambda: tiny.every_image(9))
            loop.run(part.step, data, first, last, [kept], strategy)
        results.append(method.get_weights())
        logs.append(kept.means)
    return {
        "replicas": two.num_replicas_in_sync,
        "difference": max(
            float(np.abs(a - b).max()) for a, b in zip(*results, strict=True)
        ),
        # Of each variable's greatest number: second moments are small ones.
        "moved": min(
            float(np.abs(a - b).max() / np.abs(b).max())
            for a, b in zip(start, results[1], strict=True)
        ),
        "one": logs[0],
        "two": logs[1],
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
