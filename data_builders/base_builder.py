"""What the builders of all ReID archives share."""

import contextlib
from collections.abc import Sequence

import numpy as np
import tensorflow_datasets as tfds

from data_builders.archive_builder import ArchiveBuilder
from data_builders.archives import Archive
from data_builders.facts import TargetRow
from data_builders.readers import FolderReader, ImageEntry, ImageFolder, Reader


class ReidBuilder(ArchiveBuilder, skip_registration=True):
    """Raw facts of a ReID archive as records: image, person, camera, file name.

    A data set's `Builder` names its `FACTS` and either its `IMAGE_FOLDERS` or, where
    images are not plain files, its own `open_reader`.
    """

    IMAGE_FOLDERS: Sequence[ImageFolder] = ()

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "person_id": tfds.features.Scalar(dtype=np.int64),
                    "camera_id": tfds.features.Scalar(dtype=np.int64),
                    "file_name": tfds.features.Text(),
                }
            ),
            homepage=self.FACTS.homepage,
            metadata=tfds.core.MetadataDict(),
        )

    @classmethod
    def open_reader(cls, archive: Archive, resources: contextlib.ExitStack) -> Reader:
        """See base class."""
        del resources  # plain folders keep nothing open
        return FolderReader(archive, cls.FACTS, cls.IMAGE_FOLDERS)

    @classmethod
    def trial_row(cls, reader: Reader) -> TargetRow | None:
        """What one trial of a target ranks, in Table 1's terms; None for sources."""
        del reader  # targets look into it
        return None

    def record(self, entry: ImageEntry, encoded: bytes) -> dict[str, object]:
        """See base class."""
        return {
            "image": encoded,
            "person_id": entry.person_id,
            "camera_id": entry.camera_id,
            "file_name": entry.file_name,
        }
