"""DIMN's training step: against stock Keras' graph, and against C.

    python -m experiments.benchmarks.train_step

Prints one JSON line:
    speedup_over_stock_keras: time of the same step on stock Keras (its batch norm
        and its Adam) over ours (target: at least 1.6), the two in turn.
    identities_18530_over_1000: time at C = 18,530 over C = 1,000 (at most 1.3), in
        turn.
    step_seconds: medians they come from.
    peak_memory_mb: highest resident memory of this process once both of our steps
        have run, before the stock graph is built.
"""

import json
import resource
import statistics
import time
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from absl import flags

from dimn_tf import encoders, methods
from dimn_tf.data import batch_request, label_specification
from dimn_tf.training import fused_adam
from experiments import launch

FLAGS = flags.FLAGS
FEW, MANY = 1_000, 18_530


def define() -> None:
    """Defines the command's flags."""
    flags.DEFINE_integer("height", 256, "Pixels.")
    flags.DEFINE_integer("width", 128, "Pixels.")
    flags.DEFINE_float("encoder_width", 1.4, "Width multiplier.")
    flags.DEFINE_integer("rounds", 7, "Timed steps of each kind.", lower_bound=1)


def make_step(
    height: int,
    width: int,
    encoder_width: float,
    identities: int,
    stock: bool = False,
    pairs: int = 32,
) -> Callable[[], None]:
    """A training step of DIMN on a fixed made-up batch; each call does one.

    Args:
        height: Image height, pixels.
        width: Image width, pixels.
        encoder_width: Width multiplier of MobileNetV2.
        identities: C.
        stock: Whether batch norm and Adam are Keras' own, not the fused kernels.
        pairs: C_b.
    """
    encoder = encoders.build_encoder(
        "mobilenet_v2", height, width, encoder_width, fused_batch_norm=not stock
    )
    method = methods.DIMN(encoder, methods.DIMN.Options())
    method.build_training(
        label_specification.LabelSpecification(identities, 1, 1, [0] * identities),
        batch_request.BatchRequest(pairs),
    )
    adam = keras.optimizers.Adam if stock else fused_adam.FusedAdam
    method.compile(optimizer=adam(3.5e-4), jit_compile=False)
    method.optimizer.build(method.trainable_variables)
    rng = np.random.default_rng(0)
    shape = (pairs, 2, height, width, 3)
    batch = {
        "images": tf.constant(rng.uniform(0, 255, shape), tf.float32),
        "labels": tf.constant(rng.choice(identities, pairs, False), tf.int32),
    }
    function = tf.function(method.train_step)

    def step():
        float(function(batch)["loss"])  # Waits for the step to be done.

    return step


def seconds_in_turn(
    steps: Sequence[Callable[[], None]], rounds: int
) -> list[list[float]]:
    """Times several steps in turn, so that a slow spell of the machine hits all.

    Returns:
        The seconds of each round, by step; each step is called once before.
    """
    for step in steps:
        step()
    found = [[] for _ in steps]
    for _ in range(rounds):
        for step, times in zip(steps, found, strict=True):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
    return found


def step_images_per_second(
    height: int = 256, width: int = 128, encoder_width: float = 1.4, rounds: int = 3
) -> float:
    """Images a second that our step consumes at C = 18,530, batch of 64."""
    step = make_step(height, width, encoder_width, MANY)
    (times,) = seconds_in_turn([step], rounds)
    return 64 / statistics.median(times)


def main(argv):
    del argv
    size = (FLAGS.height, FLAGS.width, FLAGS.encoder_width)
    ours_few, ours = make_step(*size, FEW), make_step(*size, MANY)
    few, many = map(statistics.median, seconds_in_turn([ours_few, ours], FLAGS.rounds))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stock = make_step(*size, MANY, stock=True)
    fused_time, stock_time = map(
        statistics.median, seconds_in_turn([ours, stock], FLAGS.rounds)
    )
    print(
        json.dumps(
            {
                "speedup_over_stock_keras": round(stock_time / fused_time, 3),
                "identities_18530_over_1000": round(many / few, 3),
                "peak_memory_mb": round(peak),
                "step_seconds": {
                    "ours": round(fused_time, 3),
                    "stock_keras": round(stock_time, 3),
                    "identities_1000": round(few, 3),
                    "identities_18530": round(many, 3),
                },
                "images": "64 x {}x{}, MobileNetV2 x{:g}".format(*size),
            }
        )
    )


if __name__ == "__main__":
    launch.launch(define, main)
