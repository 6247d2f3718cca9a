"""Tests of the VIPeR builder."""

from data_builders import testing
from data_builders.viper import dummy_data, viper_dataset_builder


class ViperTest(
    testing.BuildChecks, testing.ReaderChecks, testing.ArchiveBuilderTestCase
):
    DATASET_CLASS = viper_dataset_builder.Builder
    DUMMY = dummy_data
    ARCHIVE = "VIPeR.v1.0.zip"
    EXPECTED = {
        ("cam_a", "cam_a/000_45.bmp"): (0, 1),
        ("cam_a", "cam_a/873_90.bmp"): (873, 1),
        ("cam_b", "cam_b/873_180.bmp"): (873, 2),
    }
    IMAGE = "cam_a/873_90.bmp"
    PART = "cam_b"
