"""Tests of the DukeMTMC-reID builder."""

from data_builders import testing
from data_builders.dukemtmc_reid import dukemtmc_reid_dataset_builder, dummy_data


class DukemtmcReidTest(testing.ArchiveBuilderTestCase):
    DATASET_CLASS = dukemtmc_reid_dataset_builder.Builder
    DUMMY = dummy_data
    ARCHIVE = "DukeMTMC-reID.zip"
    EXPECTED = {
        ("train", "bounding_box_train/0001_c8_f0046302.jpg"): (1, 8),
        ("query", "query/0033_c6_f0045755.jpg"): (33, 6),
        ("gallery", "bounding_box_test/7140_c4_f0175973.jpg"): (7140, 4),
    }
    IMAGE = "bounding_box_train/0001_c8_f0046302.jpg"
    PART = "query"

    def test_missing_archive_names_the_way_without_it(self):
        for path in sorted(self.root.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        self.root.rmdir()
        self.fail_to_build("dg_without_duke.flags")
