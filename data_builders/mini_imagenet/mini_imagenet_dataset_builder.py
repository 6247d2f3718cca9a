"""miniImageNet: 100 classes of ImageNet, 600 small images of each."""

import numpy as np
import tensorflow_datasets as tfds

from data_builders.archive_builder import ArchiveBuilder
from data_builders.mini_imagenet.class_reader import ClassEntry, ClassReader
from data_builders.mini_imagenet.facts import FACTS


class Builder(ArchiveBuilder):
    """Builds miniImageNet in Ravi and Larochelle's split; see README.md beside this.

    label = the class' place among the sorted classes of its split: 0 to 63 in
    `train`, to 15 in `val`, to 19 in `test`, also where classes are missing.
    """

    FACTS = FACTS
    VERSION = tfds.core.Version(FACTS.version)
    RELEASE_NOTES = {"1.0.0": "Initial release."}

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "label": tfds.features.Scalar(dtype=np.int64),
                    "class_name": tfds.features.Text(),
                    "file_name": tfds.features.Text(),
                }
            ),
            homepage=self.FACTS.homepage,
            metadata=tfds.core.MetadataDict(),
        )

    @classmethod
    def open_reader(cls, archive, resources):
        """See base class."""
        del resources  # The archive keeps all open that is open.
        return ClassReader(archive)

    def record(self, entry: ClassEntry, encoded: bytes) -> dict[str, object]:
        """See base class."""
        return {
            "image": encoded,
            "label": entry.label,
            "class_name": entry.class_name,
            "file_name": entry.file_name,
        }
