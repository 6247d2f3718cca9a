"""Instance norm's cheap form beside elementary operations and batch norm.

    python -m experiments.benchmarks.instance_norm

MobileNetV2's places up to --through, forward and back, on made-up activations. Prints
one JSON line:
    milliseconds: medians over all places, added up: `batch_norm` (the fused kernel),
        `instance_norm` (as in training) and `elementary` (as at test), in turn.
    added_over_elementary: what instance norm takes more than batch norm, over what
        elementary operations take more.
"""

import json
import statistics

import tensorflow as tf
from absl import flags

from dimn_tf import encoders
from dimn_tf.encoders import fused_batch_norm, instance_norm
from experiments import launch
from experiments.benchmarks import train_step

FLAGS = flags.FLAGS


def define() -> None:
    """Defines the command's flags."""
    flags.DEFINE_integer("height", 128, "Pixels.")
    flags.DEFINE_integer("width", 64, "Pixels.")
    flags.DEFINE_float("encoder_width", 1.0, "Width multiplier.")
    flags.DEFINE_string("through", "block_12", "Last place; see the encoder's option.")
    flags.DEFINE_integer("images", 64, "Images of a batch.", lower_bound=1)
    flags.DEFINE_integer("rounds", 11, "Timed runs of each kind.", lower_bound=1)


def _gradient_of(layer, inputs, training: bool):
    """A run of a layer, forward and back; each call does one."""
    towards = tf.random.normal(inputs.shape)

    @tf.function
    def run():
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=training)
        watched = [inputs, *(v.value for v in layer.trainable_variables)]
        found = tape.gradient(outputs, watched, towards)
        return tf.add_n([tf.reduce_sum(g[..., 0]) for g in found])

    return lambda: float(run())


def main(argv):
    del argv
    encoder = encoders.build_encoder(
        "mobilenet_v2",
        FLAGS.height,
        FLAGS.width,
        FLAGS.encoder_width,
        instance_norm_through=FLAGS.through,
    )
    places = [
        layer
        for layer in encoder.backbone.layers
        if isinstance(layer, instance_norm.InstanceNormalization)
    ]
    seconds = dict.fromkeys(("batch_norm", "instance_norm", "elementary"), 0.0)
    for place in places:
        inputs = tf.random.normal((FLAGS.images, *place.input.shape[1:]))
        norm = fused_batch_norm.FusedBatchNormalization()
        norm.build(inputs.shape)
        runs = [
            _gradient_of(norm, inputs, True),
            _gradient_of(place, inputs, True),
            _gradient_of(place, inputs, False),
        ]
        for name, times in zip(
            seconds, train_step.seconds_in_turn(runs, FLAGS.rounds), strict=True
        ):
            seconds[name] += statistics.median(times)
    base = seconds["batch_norm"]
    added = seconds["instance_norm"] - base, seconds["elementary"] - base
    print(
        json.dumps(
            {
                "milliseconds": {k: round(1e3 * v, 1) for k, v in seconds.items()},
                "added_over_elementary": round(added[0] / added[1], 3),
                "places": len(places),
                "images": f"{FLAGS.images} x {FLAGS.height}x{FLAGS.width}, "
                f"MobileNetV2 x{FLAGS.encoder_width:g}",
            }
        )
    )


if __name__ == "__main__":
    launch.launch(define, main)
