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
    variants: what each of --variants takes, as a share of stock Keras' time, all in
        turn with it at C = 18,530.
    limits: of this machine, measured in the same run: gigabytes a second of a copy,
        and giga multiply-adds a second of matrix products; and the plain step beside
        them (`step_account`): its convolutions' and products' multiply-adds, forward
        and back, the gigabytes that its layers read and write, and the shares of our
        step's time that these would take at those rates.
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

from dimn_tf import encoders, errors, methods
from dimn_tf.data import batch_request, label_specification
from dimn_tf.training import fused_adam
from experiments import launch
from experiments.benchmarks import step_account

FLAGS = flags.FLAGS
FEW, MANY = 1_000, 18_530

VARIANTS = {
    "bfloat16": {"precision": "mixed_bfloat16"},
    "float16": {"precision": "mixed_float16"},
    "instance_norm": {"instance_norm_through": "block_12", "neck": True},
    "instance_norm_bfloat16": {
        "instance_norm_through": "block_12",
        "neck": True,
        "precision": "mixed_bfloat16",
    },
    "frozen": {
        "instance_norm_through": "block_12",
        "neck": True,
        "frozen_through": "block_3",
    },
    "frozen_bfloat16": {
        "instance_norm_through": "block_12",
        "neck": True,
        "frozen_through": "block_3",
        "precision": "mixed_bfloat16",
    },
    "strong": {"instance_norm_through": "block_12", "neck": True, "stride": 16},
    "half_size": {"smaller": 2},
    "stride_16": {"stride": 16},
}
"""Other steps than DIMN's plain one: what is given to `make_step`; `smaller` divides
the images' sides (the first part of a run of growing sizes)."""


def define() -> None:
    """Defines the command's flags."""
    flags.DEFINE_integer("height", 256, "Pixels.")
    flags.DEFINE_integer("width", 128, "Pixels.")
    flags.DEFINE_float("encoder_width", 1.4, "Width multiplier.")
    flags.DEFINE_integer("rounds", 7, "Timed steps of each kind.", lower_bound=1)
    flags.DEFINE_list(
        "variants",
        ["bfloat16", "instance_norm", "frozen"],
        f"Some of {', '.join(VARIANTS)}.",
    )


def make_step(
    height: int,
    width: int,
    encoder_width: float,
    identities: int,
    stock: bool = False,
    pairs: int = 32,
    precision: str = "float32",
    **changes,
) -> Callable[[], None]:
    """A training step of DIMN on a fixed made-up batch; each call does one.

    Args:
        height: Image height, pixels.
        width: Image width, pixels.
        encoder_width: Width multiplier of MobileNetV2.
        identities: C.
        stock: Whether batch norm and Adam are Keras' own, not the fused kernels.
        pairs: C_b.
        precision: Keras dtype policy.
        **changes: `encoders.build_encoder`'s; frozen stages too.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        encoder = encoders.build_encoder(
            "mobilenet_v2",
            height,
            width,
            encoder_width,
            fused_batch_norm=not stock,
            **changes,
        )
        method = methods.DIMN(encoder, methods.DIMN.Options())
        method.build_training(
            label_specification.LabelSpecification(identities, 1, 1, [0] * identities),
            batch_request.BatchRequest(pairs),
        )
    finally:
        keras.config.set_dtype_policy(before)
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


def _variant(name: str, size: tuple[int, int, float]) -> Callable[[], None]:
    changes = dict(VARIANTS[name])
    smaller = changes.pop("smaller", 1)
    height, width, encoder_width = size
    return make_step(
        height // smaller, width // smaller, encoder_width, MANY, **changes
    )


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


def limits(seconds: float, size: tuple[int, int, float], pairs: int = 32) -> dict:
    """What this machine can do at most, and the step beside it.

    Args:
        seconds: Of our step.
        size: Height, width and width multiplier of the step.
        pairs: C_b of the step.
    """
    values = tf.random.normal([1 << 26])  # 256 MB
    matrices = {
        kind: tf.cast(tf.random.normal([2048, 2048]), kind)
        for kind in (tf.float32, tf.bfloat16)
    }
    copy = tf.function(lambda: float_sum(values + 1.0))
    products = [
        tf.function(lambda m=m: float_sum(tf.matmul(m, m))) for m in matrices.values()
    ]
    times = seconds_in_turn([lambda f=f: f().numpy() for f in (copy, *products)], 5)
    copied, *multiplied = map(min, times)
    rates = [2048**3 / taken / 1e9 for taken in multiplied]
    needed = step_account.multiply_adds(*size, pairs, MANY) / 1e9
    moved = step_account.gigabytes(*size, 2 * pairs)
    copy_rate = 2 * 4 * (1 << 26) / copied / 1e9
    return {
        "copy_gigabytes_per_second": round(copy_rate, 1),
        "float32_giga_multiply_adds_per_second": round(rates[0], 1),
        "bfloat16_giga_multiply_adds_per_second": round(rates[1], 1),
        "step_giga_multiply_adds": round(needed, 1),
        "share_of_the_step_at_the_float32_rate": round(needed / rates[0] / seconds, 3),
        "step_gigabytes": {kind: round(share, 2) for kind, share in moved.items()},
        "share_of_the_step_at_the_copys_rate": round(
            sum(moved.values()) / copy_rate / seconds, 3
        ),
    }


def float_sum(values):
    """One number of a tensor, so that little is fetched."""
    return tf.cast(tf.reshape(values, [-1])[0], tf.float32)


def step_images_per_second(
    height: int = 256, width: int = 128, encoder_width: float = 1.4, rounds: int = 3
) -> float:
    """Images a second that our step consumes at C = 18,530, batch of 64."""
    step = make_step(height, width, encoder_width, MANY)
    (times,) = seconds_in_turn([step], rounds)
    return 64 / statistics.median(times)


def main(argv):
    del argv
    if unknown := [name for name in FLAGS.variants if name not in VARIANTS]:
        raise errors.UserError(
            f"--variants={','.join(FLAGS.variants)}: there is no {unknown[0]}; known: "
            f"{', '.join(VARIANTS)}"
        )
    size = (FLAGS.height, FLAGS.width, FLAGS.encoder_width)
    ours_few, ours = make_step(*size, FEW), make_step(*size, MANY)
    few, many = map(statistics.median, seconds_in_turn([ours_few, ours], FLAGS.rounds))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stock = make_step(*size, MANY, stock=True)
    steps = [_variant(name, size) for name in FLAGS.variants]
    fused_time, stock_time, *others = map(
        statistics.median, seconds_in_turn([ours, stock, *steps], FLAGS.rounds)
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
                "variants": {
                    name: round(taken / stock_time, 3)
                    for name, taken in zip(FLAGS.variants, others, strict=True)
                },
                "limits": limits(fused_time, size),
                "images": "64 x {}x{}, MobileNetV2 x{:g}".format(*size),
            }
        )
    )


if __name__ == "__main__":
    launch.launch(define, main)
