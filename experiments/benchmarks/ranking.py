"""Time of CMC and mAP at Market-1501's size beside one `numpy.argsort`.

    python -m experiments.benchmarks.ranking

Prints one JSON line. `ranking_over_argsort` is the time of `evaluate_ranking`
(3,368 probes, 15,913 gallery images, camera rule, made-up float32 scores) over the
time of one `numpy.argsort(scores, axis=1)` of the same scores, the two measured in
turn in the same run, the best of `--repeats` each. A full order of the gallery is
what a ranking would need that does not look at the true matches alone.
"""

import json
import time

import numpy as np
from absl import flags

from dimn_tf import errors
from dimn_tf.evaluation import ranking
from experiments import launch

FLAGS = flags.FLAGS


def define() -> None:
    """Defines the command's flags."""
    flags.DEFINE_integer("probes", 3368, "Number of probe images.", 1)
    flags.DEFINE_integer("gallery", 15913, "Number of gallery images.", 1)
    flags.DEFINE_integer("identities", 750, "Test identities.", 1)
    flags.DEFINE_integer("distractors", 2798, "Gallery images of id 0.", 0)
    flags.DEFINE_integer("cameras", 6, "Number of cameras.", 2)
    flags.DEFINE_integer("repeats", 3, "Rounds; the best time counts.", 1)


def made_up_benchmark(rng):
    """Scores float32 [P, G] and labels with Market-1501's numbers.

    Every identity has its gallery images by all cameras in turn, so that each probe
    keeps true matches under the camera rule. Their scores lie two standard
    deviations above the others', so that the metrics are neither 0 nor 1.
    """
    identities = np.arange(1, FLAGS.identities + 1)
    probe_ids = np.resize(identities, FLAGS.probes)
    probe_cameras = rng.integers(1, FLAGS.cameras + 1, FLAGS.probes)
    persons = FLAGS.gallery - FLAGS.distractors
    if persons < 2 * len(identities):
        raise errors.UserError("the gallery needs two images of each identity or more")
    gallery_ids = np.resize(identities, persons)
    gallery_cameras = 1 + (np.arange(persons) // len(identities)) % FLAGS.cameras
    gallery_ids = np.append(gallery_ids, np.zeros(FLAGS.distractors, np.int64))
    gallery_cameras = np.append(
        gallery_cameras, rng.integers(1, FLAGS.cameras + 1, FLAGS.distractors)
    )
    order = rng.permutation(FLAGS.gallery)
    gallery_ids, gallery_cameras = gallery_ids[order], gallery_cameras[order]
    scores = rng.standard_normal((FLAGS.probes, FLAGS.gallery), dtype=np.float32)
    for row, identity in zip(scores, probe_ids, strict=True):
        row[gallery_ids == identity] += 2
    return scores, probe_ids, gallery_ids, probe_cameras, gallery_cameras


def seconds(function, *arguments, **keywords):
    start = time.perf_counter()
    result = function(*arguments, **keywords)
    return time.perf_counter() - start, result


def main(_):
    scores, *labels = made_up_benchmark(np.random.default_rng(0))
    sort_times, ranking_times = [], []
    for _ in range(FLAGS.repeats):
        sort_times.append(seconds(np.argsort, scores, axis=1)[0])
        time_taken, result = seconds(ranking.evaluate_ranking, scores, *labels)
        ranking_times.append(time_taken)
    line = {
        "benchmark": "ranking",
        "probes": scores.shape[0],
        "gallery": scores.shape[1],
        "cameras": FLAGS.cameras,
        "rank1": round(result.cmc[1], 4),
        "mAP": round(result.mean_average_precision, 4),
        "ranking_seconds": round(min(ranking_times), 6),
        "argsort_seconds": round(min(sort_times), 6),
        "ranking_over_argsort": round(min(ranking_times) / min(sort_times), 3),
        "repeats": FLAGS.repeats,
        "numpy": np.__version__,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    launch.launch(define, main)
