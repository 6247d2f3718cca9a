"""A scaled step on two devices, of which one may overflow (a script; prints JSON)."""

import json

import keras
import numpy as np
import tensorflow as tf


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    print(json.dumps({who: stepped(strategy, who) for who in (-1, 0, 1)}))


def stepped(strategy: tf.distribute.Strategy, poisoned: int) -> dict[str, object]:
    """Weights, scale and steps after a step, of each replica."""
    from dimn_tf.training import fused_adam, loss_scale

    with strategy.scope():
        weight = keras.Variable(np.ones(3, "float32"))
        optimizer = loss_scale.SharedLossScale(fused_adam.FusedAdam(0.1), 256.0)
        optimizer.build([weight])

    def step():
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        bad = tf.where(tf.equal(replica, poisoned), np.inf, 1.0)
        gradient = tf.stack([256.0, 256.0 * tf.cast(bad, tf.float32), 256.0])
        optimizer.apply_gradients([(gradient, weight)])

    tf.function(lambda: strategy.run(step))()

    def on_both(variable):
        parts = strategy.experimental_local_results(variable.value)
        return [part.numpy().tolist() for part in parts]

    return {
        "weights": on_both(weight),
        "scale": on_both(optimizer.dynamic_scale),
        "iterations": on_both(optimizer.iterations),
    }


if __name__ == "__main__":
    main()
