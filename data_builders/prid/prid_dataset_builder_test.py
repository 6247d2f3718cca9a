"""Tests of the PRID builder."""

from data_builders import testing
from data_builders.prid import dummy_data, prid_dataset_builder


class PridTest(testing.ArchiveBuilderTestCase):
    DATASET_CLASS = prid_dataset_builder.Builder
    DUMMY = dummy_data
    ARCHIVE = "prid_2011.zip"
    # 201 is one person in cam_a and another one in cam_b: raw numbers are kept.
    EXPECTED = {
        ("cam_a", "single_shot/cam_a/person_0001.png"): (1, 1),
        ("cam_a", "single_shot/cam_a/person_0201.png"): (201, 1),
        ("cam_b", "single_shot/cam_b/person_0201.png"): (201, 2),
        ("cam_b", "single_shot/cam_b/person_0749.png"): (749, 2),
    }
    IMAGE = "single_shot/cam_b/person_0749.png"
    PART = "single_shot/cam_a"
