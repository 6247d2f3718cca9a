"""Made-up images and data sets for the tests of the pipeline."""

import io

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from dimn_tf.data import records


def encode(pixels, file_format="PNG"):
    """Image file of a uint8 array."""
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(buffer, file_format)
    return buffer.getvalue()


class MadeUpReid(tfds.core.GeneratorBasedBuilder):
    """Two splits of noise: 8 images of 4 persons, then 5 of 2 others and of -1."""

    VERSION = tfds.core.Version("1.0.0")
    pkg_dir_path = None  # No folder with citations beside this class.

    ROWS = {
        "train": [(10 + i // 2, i % 2) for i in range(8)],
        "query": [(-1, 3), (7, 0), (7, 1), (30, 0), (30, 0)],
    }

    def _info(self):
        features = tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(None, None, 3)),
                "person_id": np.int64,
                "camera_id": np.int64,
                "file_name": tfds.features.Text(),
            }
        )
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in self.ROWS}

    def _generate_examples(self, split):
        for i, (person, camera) in enumerate(self.ROWS[split]):
            name = f"{split}/é_{i}.jpg"
            yield (
                name,
                {
                    "image": io.BytesIO(self.encoded(name)),
                    "person_id": person,
                    "camera_id": camera,
                    "file_name": name,
                },
            )

    @staticmethod
    def encoded(name):
        """The image file of a name."""
        rng = np.random.default_rng(list(name.encode()))
        return encode(rng.integers(0, 256, (8, 4, 3)), "JPEG")


@pytest.fixture(scope="session")
def made_up_builder(tmp_path_factory):
    """A small TFDS data set with random access, built once."""
    builder = MadeUpReid(
        data_dir=tmp_path_factory.mktemp("tfds"), file_format="array_record"
    )
    builder.download_and_prepare()
    return builder


@pytest.fixture(scope="session")
def made_up_records():
    """Function (reference, person_ids, ...) -> records of tiny pictures in memory."""

    def make(reference, person_ids, **kwargs):
        rng = np.random.default_rng(len(reference))
        pictures = [encode(rng.integers(0, 256, (6, 3, 3))) for _ in person_ids]
        return records.in_memory(reference, pictures, person_ids, **kwargs)

    return make


@pytest.fixture(name="encode", scope="session")
def encode_fixture():
    """Function (pixels, file_format) -> image file."""
    return encode
