"""Speed of the input pipeline alone over what the training step consumes.

    python -m experiments.benchmarks.input_pipeline

Prints one JSON line. `pipeline_over_step` is the images per second that
`training_dataset` delivers with nobody in its way (made-up JPEG files of
Market-1501's size, in a TFDS data set on disk; 256x128, batches of 64, with the
numbers of their augmentation, which is the step's: see
`experiments.benchmarks.augmentation`) over those that the training step takes (see
`experiments.benchmarks.train_step`), one after the other in one run on the same
cores; at least 5 is the target. `sampling_milliseconds` is the time in which the
sampler draws a batch, of the paper's 18,530 identities and of the made-up ones.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
import time

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from dimn_tf.data import batch_request, label_space, pipeline, records, sampler
from dimn_tf.data import domain as domains
from experiments import launch

IDENTITIES, IMAGES_EACH = 500, 4
# Identities and images of the paper's Table 1.
PAPER_COUNTS = {
    "cuhk02": (1_816, 7_264),
    "cuhk03": (1_467, 14_097),
    "dukemtmc_reid": (1_812, 36_411),
    "market1501": (1_501, 29_419),
    "cuhk_sysu": (11_934, 34_574),
}
SECONDS = 8.0  # measured, after as many batches as make a warm start
WARM_UP_BATCHES = 20


class MadeUpPedestrians(tfds.core.GeneratorBasedBuilder):
    """Smooth noise in JPEG files of 128x64 pixels."""

    VERSION = tfds.core.Version("1.0.0")
    pkg_dir_path = None  # there is no folder with citations beside it

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "person_id": np.int64,
            "camera_id": np.int64,
            "file_name": tfds.features.Text(),
        }
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features)
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        rng = np.random.default_rng(0)
        for person in range(IDENTITIES):
            for camera in range(IMAGES_EACH):
                coarse = Image.fromarray(rng.integers(0, 256, (32, 16, 3), np.uint8))
                file = io.BytesIO()
                coarse.resize((64, 128), Image.Resampling.BICUBIC).save(
                    file, "JPEG", quality=95
                )
                file.seek(0)
                name = f"{person:04}_c{camera}.jpg"
                yield (
                    name,
                    {
                        "image": file,
                        "person_id": person,
                        "camera_id": camera,
                        "file_name": name,
                    },
                )


def define() -> None:
    """The command has no flags."""


def made_up_label_space(folder: str) -> label_space.LabelSpace:
    """Builds the made-up data set in `folder` and opens it."""
    tfds.disable_progress_bar()
    builder = MadeUpPedestrians(data_dir=folder, file_format="array_record")
    with contextlib.redirect_stdout(sys.stderr):  # TFDS reports; the result stays alone
        builder.download_and_prepare()
    source = records.records_of_builder(builder, "made_up_pedestrians")
    return label_space.LabelSpace.build([source])


def paper_label_space() -> label_space.LabelSpace:
    """The paper's five sources by their counts; there is no image behind them."""
    spaces, first = [], 0
    for name, (identities, images) in PAPER_COUNTS.items():
        offsets = np.linspace(0, images, identities + 1).astype(np.int64)
        spaces.append(
            domains.Domain(
                records=records.in_memory(name, [], []),
                first_label=first,
                person_ids=np.arange(identities),
                offsets=offsets,
                image_indices=np.arange(images),
                cameras=np.arange(images) % 6,
            )
        )
        first += identities
    return label_space.LabelSpace(tuple(spaces))


def sampling_milliseconds(space: label_space.LabelSpace, steps: int = 500) -> float:
    """Milliseconds in which a batch of 32 identities, two images each, is drawn."""
    drawer = sampler.IdentitySampler(space, batch_request.BatchRequest(32))
    drawer.sample(0)
    start = time.perf_counter()
    for step in range(steps):
        drawer.sample(step)
    return 1e3 * (time.perf_counter() - start) / steps


def pipeline_images_per_second(
    space: label_space.LabelSpace,
    options: pipeline.PipelineOptions,
    request: batch_request.BatchRequest,
    seconds: float = SECONDS,
) -> float:
    """Images a second that the training data set yields when nothing waits.

    Args:
        space: what to draw from.
        options: size of the images.
        request: what a batch holds.
        seconds: time to measure.
    """
    drawer = sampler.IdentitySampler(space, request)
    dataset = pipeline.training_dataset(space, drawer, options, 0, 10**9)
    batches = iter(dataset)
    for _ in range(WARM_UP_BATCHES):
        next(batches)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        next(batches)
        count += 1
    return request.images * count / (time.perf_counter() - start)


def main(_):
    # Loads the whole model; the pipeline itself needs none of it.
    from experiments.benchmarks import train_step

    with tempfile.TemporaryDirectory() as folder:
        space = made_up_label_space(folder)
        rate = pipeline_images_per_second(
            space, pipeline.PipelineOptions(256, 128), batch_request.BatchRequest(32)
        )
        sampling = sampling_milliseconds(space)
    paper_sampling = sampling_milliseconds(paper_label_space())
    step = train_step.step_images_per_second()
    line = {
        "benchmark": "input_pipeline",
        "image_height": 256,
        "image_width": 128,
        "pipeline_images_per_second": round(rate, 1),
        "step_images_per_second": round(step, 1),
        "pipeline_over_step": round(rate / step, 2),
        "sampling_milliseconds": {
            "identities_500": round(sampling, 3),
            "identities_18530": round(paper_sampling, 3),
        },
        "cores": len(os.sched_getaffinity(0)),
        "tensorflow": tf.__version__,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    launch.launch(define, main)
