"""Cost of augmentation on the training step's device, and beside `tf.image`.

    python -m experiments.benchmarks.augmentation

Prints one JSON line; made-up images, 64 x 256 x 128, kinds in turn, medians:
    colour_over_tf_image: time of our fused colour change (brightness, contrast,
        saturation and hue of each image by itself) over that of the four
        `tf.image.stateless_random_*` operations in a row on the same float images.
        Those take one number of each kind for the whole batch, which is less work.
    colour_over_tf_image_each: the same where `tf.image`'s operations run image by
        image, so that each has numbers of its own as with ours.
    option_milliseconds: what each option adds to a batch that is only cast.
"""

import json
import os
import statistics
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from absl import flags

from dimn_tf.data import augmentation
from experiments import launch
from experiments.benchmarks import train_step

FLAGS = flags.FLAGS

COLOUR = {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.05}
OPTIONS = {
    "flip": {"flip": 0.5},
    "crop": {"crop_padding": 10 / 256},
    "flip_and_crop": {"flip": 0.5, "crop_padding": 10 / 256},
    "colour": COLOUR,
    "low_resolution": {"low_resolution": 0.3},
    "erasing": {"erasing": 0.5},
}
OPTIONS["all"] = {
    name: value for options in OPTIONS.values() for name, value in options.items()
}


def define() -> None:
    """Defines the command's flags."""
    flags.DEFINE_integer("images", 64, "Images a batch.", lower_bound=1)
    flags.DEFINE_integer("height", 256, "Pixels.", lower_bound=8)
    flags.DEFINE_integer("width", 128, "Pixels.", lower_bound=8)
    flags.DEFINE_integer("rounds", 15, "Timed calls of each kind.", lower_bound=1)


def _tf_image_colour(images, seed):
    """Our strengths with `tf.image`: float32 in 0..255 -> float32 in 0..255."""
    unit = images / 255.0
    # Its brightness is added, where ours multiplies.
    unit = tf.image.stateless_random_brightness(unit, COLOUR["brightness"], seed)
    for change, strength in (
        (tf.image.stateless_random_contrast, COLOUR["contrast"]),
        (tf.image.stateless_random_saturation, COLOUR["saturation"]),
    ):
        unit = change(unit, 1 - strength, 1 + strength, seed)
    unit = tf.image.stateless_random_hue(unit, COLOUR["hue"], seed)
    return tf.clip_by_value(unit * 255.0, 0.0, 255.0)


def _timed(function: Callable, *arrays) -> Callable[[], None]:
    """A call of a function in a graph of its own that waits for the result."""
    tensors = [tf.constant(array) for array in arrays]
    compiled = tf.function(function, autograph=False).get_concrete_function(*tensors)

    def call():
        # The last number alone, so that nothing else is copied off the device.
        compiled(*tensors)[-1, -1, -1, -1].numpy()

    return call


def kinds(count: int, height: int, width: int) -> dict[str, Callable[[], None]]:
    """What is measured, by name; each call does a batch once."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, height, width, 3)).astype(np.uint8)
    floats = pixels.astype(np.float32)
    draws = rng.random((count, len(augmentation.DRAWS)), np.float32)
    seeds = np.stack([np.full(count, 3), np.arange(count)], axis=1).astype(np.int32)

    def ours(images, **options):
        made = augmentation.Augmentation(**({"flip": 0.0} | options))
        return _timed(lambda i, d: augmentation.augment(i, d, made), images, draws)

    def each(images, seeds):
        return tf.map_fn(
            lambda pair: _tf_image_colour(*pair),
            (images, seeds),
            fn_output_signature=tf.float32,
        )

    found = {"cast": ours(pixels)}
    for name, options in OPTIONS.items():
        found[name] = ours(pixels, **options)
    found["colour_of_floats"] = ours(floats, **COLOUR)
    found["tf_image"] = _timed(_tf_image_colour, floats, seeds[0])
    found["tf_image_each"] = _timed(each, floats, seeds)
    return found


def main(_):
    size = (FLAGS.images, FLAGS.height, FLAGS.width)
    calls = kinds(*size)
    times = train_step.seconds_in_turn(list(calls.values()), FLAGS.rounds)
    medians = dict(zip(calls, map(statistics.median, times), strict=True))
    ours = medians["colour_of_floats"]
    line = {
        "benchmark": "augmentation",
        "images": "{} x {}x{}".format(*size),
        "colour_over_tf_image": round(ours / medians["tf_image"], 3),
        "colour_over_tf_image_each": round(ours / medians["tf_image_each"], 3),
        "milliseconds": {
            name: round(1e3 * medians[name], 2)
            for name in ("cast", "colour_of_floats", "tf_image", "tf_image_each")
        },
        "option_milliseconds": {
            name: round(1e3 * (medians[name] - medians["cast"]), 2) for name in OPTIONS
        },
        "rounds": FLAGS.rounds,
        "cores": len(os.sched_getaffinity(0)),
        "tensorflow": tf.__version__,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    launch.launch(define, main)
