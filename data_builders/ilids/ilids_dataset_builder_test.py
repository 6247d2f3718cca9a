"""Tests of the i-LIDS builder."""

import pathlib
import tarfile
import zipfile

from data_builders import testing
from data_builders.ilids import dummy_data, ilids_dataset_builder


class IlidsTest(testing.ReaderChecks, testing.ArchiveBuilderTestCase):
    DATASET_CLASS = ilids_dataset_builder.Builder
    DUMMY = dummy_data
    ARCHIVE = "i-LIDS_Pedestrian.tgz"
    EXPECTED = {
        ("persons", "Persons/0001002.jpg"): (1, 0),
        ("persons", "Persons/0119008.jpg"): (119, 0),
    }
    IMAGE = "Persons/0119008.jpg"
    PART = "Persons"

    def _put_archive(self, packed: pathlib.Path) -> None:
        """Packs a .tgz, since that is what the archive is."""
        extracted = packed.with_name("extracted")
        with zipfile.ZipFile(packed) as file:
            file.extractall(extracted)
        packed.unlink()
        with tarfile.open(self.manual_dir / self.ARCHIVE, "w:gz") as tar:
            tar.add(extracted / self.root.name, arcname=self.root.name)

    def test_partial_accepts_and_says_what_is_missing(self):
        """Replaces the common test: the only folder cannot be missing."""
        (self.root / self.IMAGE).unlink()
        builder = self.build("partial")
        self.assertIn("ilids/partial: 4 of 476 images in persons", self.lines)
        self.assertIn("4 of 476 images in persons", builder.info.metadata["missing"])
        self.assertEqual(builder.info.splits["persons"].num_examples, 4)
