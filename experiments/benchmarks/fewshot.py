"""Few-shot DIMN's training step, and an evaluation of 1,000 episodes.

    python -m experiments.benchmarks.fewshot

Made-up images of miniImageNet's size and numbers of classes. Prints one JSON line:
    train_episodes_per_second: steps of `dimn` a second, each of C_b classes with two
        images; and `train_images_per_second`.
    evaluation_seconds: of --episodes 1-shot episodes with 15 queries a class, the
        images' encoding in it (target: under 120 for 1,000 episodes on two cores); and
        `evaluation_episodes_per_second`.
    encoding_seconds: of all test images, once, reckoned from a batch of 256.
    evaluation_over_one_by_one: the same evaluation, in which the scoring's function is
        compiled, over one that encodes the images of each episode anew (reckoned from
        20, after its function's compilation).
"""

import io
import json
import time

import numpy as np
import tensorflow as tf
from absl import flags
from PIL import Image

from dimn_tf.data import label_space, label_specification, records
from dimn_tf.fewshot import class_space, episodes, evaluation, recipe
from dimn_tf.training import build
from experiments import launch
from experiments.benchmarks import train_step

FLAGS = flags.FLAGS
TRAIN_CLASSES, TEST_CLASSES = 64, 20
_ONE_BY_ONE = 20  # episodes


def define() -> None:
    """Defines the command's flags."""
    flags.DEFINE_integer("images", 600, "Images of each test class.", 16)
    flags.DEFINE_integer("episodes", 1000, "Episodes of the evaluation.", 2)
    flags.DEFINE_integer("size", 84, "Rows and columns of an image, pixels.", 16)
    flags.DEFINE_integer("rounds", 7, "Timed steps.", 1)


def made_up_classes(count: int, images: int, size: int) -> label_space.LabelSpace:
    """Classes of noise images, few of them distinct."""
    rng = np.random.default_rng(0)
    encoded = []
    for _ in range(16):
        buffer = io.BytesIO()
        pixels = rng.integers(0, 256, (size, size, 3), np.uint8)
        Image.fromarray(pixels).save(buffer, "JPEG")
        encoded.append(buffer.getvalue())
    labels = np.repeat(np.arange(count), images)
    files = [encoded[i % 16] for i in range(len(labels))]
    return label_space.LabelSpace.build([records.in_memory("made_up", files, labels)])


def main(_):
    found = recipe.from_values(
        {
            "method": "dimn",
            "encoder": "conv4_mean",
            "image_height": FLAGS.size,
            "image_width": FLAGS.size,
        }
    )
    space = made_up_classes(TEST_CLASSES, FLAGS.images, FLAGS.size)
    training = label_specification.LabelSpecification(
        TRAIN_CLASSES, 1, 1, np.zeros(TRAIN_CLASSES, np.int32)
    )
    method = build.for_training(found, training)
    classes = found.batch_request.identities
    rng = np.random.default_rng(1)
    shape = (classes, 2, FLAGS.size, FLAGS.size, 3)
    batch = {
        "images": tf.constant(rng.uniform(0, 255, shape), tf.float32),
        "labels": tf.range(classes),
    }
    function = tf.function(method.train_step)
    (times,) = train_step.seconds_in_turn(
        [lambda: float(function(batch)["loss"])], FLAGS.rounds
    )
    step = float(np.median(times))

    made = build.for_inference_of(method, found)
    images = class_space.images_of(space, FLAGS.size, FLAGS.size)
    drawn = episodes.Episodes(space, 5, 1, 15, 0)
    evaluation.evaluate(made, images, drawn, 2)  # Compiles.
    start = time.perf_counter()
    made.features(tf.cast(images[:256], tf.float32)).numpy()
    encoding = (time.perf_counter() - start) * len(images) / 256
    start = time.perf_counter()
    evaluation.evaluate(made, images, drawn, FLAGS.episodes)
    seconds = time.perf_counter() - start
    one_by_one = _seconds_one_by_one(made, images, drawn) * FLAGS.episodes
    print(
        json.dumps(
            {
                "train_episodes_per_second": round(1 / step, 2),
                "train_images_per_second": round(2 * classes / step),
                "train_classes": [classes, TRAIN_CLASSES],
                "evaluation_seconds": round(seconds, 2),
                "evaluation_episodes_per_second": round(FLAGS.episodes / seconds, 1),
                "encoding_seconds": round(encoding, 2),
                "evaluation_over_one_by_one": round(seconds / one_by_one, 4),
                "episodes": FLAGS.episodes,
                "test_images": len(images),
                "images": f"{FLAGS.size}x{FLAGS.size}, conv4_mean, 64 filters",
            }
        )
    )


def _seconds_one_by_one(made, images, drawn) -> float:
    """Of an episode whose images are encoded for it."""

    def score(number):
        episode = drawn.episode(number)
        return made.episode_scores(
            tf.constant(images[episode.support]),
            tf.constant(images[episode.queries.ravel()]),
            "moving",
        ).numpy()

    score(0)
    start = time.perf_counter()
    for number in range(_ONE_BY_ONE):
        score(number)
    return (time.perf_counter() - start) / _ONE_BY_ONE


if __name__ == "__main__":
    launch.launch(define, main)
