"""Tests of the GRID builder and its folds."""

import numpy as np
import scipy.io

from data_builders import testing
from data_builders.grid import dummy_data, grid_dataset_builder, load_folds
from dimn_tf.errors import DataError


class GridTest(testing.ArchiveBuilderTestCase):
    DATASET_CLASS = grid_dataset_builder.Builder
    DUMMY = dummy_data
    ARCHIVE = "underground_reid.zip"
    EXPECTED = {
        ("probe", "probe/0004_5_33175_369_28_74_231.jpeg"): (4, 5),
        ("gallery", "gallery/0000_6_32855_4_109_81_303.jpeg"): (0, 6),
        ("gallery", "gallery/0003_2_25025_98_125_134_336.jpeg"): (3, 2),
    }
    IMAGE = "gallery/0003_2_25025_98_125_134_336.jpeg"
    PART = "gallery"

    def folds_file(self):
        return self.root / "features_and_partitions.mat"

    def test_folds_are_those_of_the_archive(self):
        folds = load_folds(self.build())
        self.assertLen(folds, 10)
        for fold, persons in zip(folds, dummy_data.FOLDS, strict=True):
            self.assertEqual(fold.dtype, np.int64)
            self.assertEqual(tuple(fold), persons)

    def test_folds_in_a_struct_array_are_the_same(self):
        dummy_data.write_folds(self.folds_file(), dummy_data.FOLDS, cells=False)
        folds = load_folds(self.build())
        self.assertEqual([tuple(fold) for fold in folds], list(dummy_data.FOLDS))

    def test_a_file_without_test_persons_is_an_error(self):
        scipy.io.savemat(self.folds_file(), {"trainIdxAll": np.zeros((1, 10))})
        self.fail_to_build("does not hold the folds", "testIdxAll")

    def test_missing_folds_are_an_error(self):
        self.folds_file().unlink()
        self.fail_to_build("no features_and_partitions.mat")

    def test_partial_without_folds_builds_but_has_none(self):
        self.folds_file().unlink()
        builder = self.build("partial")
        self.assertIn(
            "grid/partial: features_and_partitions.mat is missing", self.lines
        )
        with self.assertRaisesRegex(DataError, "folds are not there"):
            load_folds(builder)

    def test_partial_refuses_folds_that_are_none(self):
        """What is missing may be missing; what is there is right."""
        dummy_data.write_folds(self.folds_file(), dummy_data.FOLDS[:9])
        self.fail_to_build("9 folds", "10 folds", config="partial")
        dummy_data.write_folds(self.folds_file(), [*dummy_data.FOLDS[:9], (2, 2)])
        self.fail_to_build("fold 10", "1 different ones", config="partial")
        dummy_data.write_folds(self.folds_file(), [(1, 5), *dummy_data.FOLDS[1:]])
        self.build("partial")  # Person 5 has no image.

    def test_folds_of_an_unbuilt_set_are_an_error(self):
        builder = self.dataset_class(data_dir=self.data_dir, config=self.made_up)
        with self.assertRaisesRegex(DataError, "no such file"):
            load_folds(builder)

    def test_damaged_folds_are_an_error(self):
        whole = self.folds_file().read_bytes()
        for content in (whole[: len(whole) // 2], b"", b"x" * 500):
            self.folds_file().write_bytes(content)
            self.fail_to_build("does not hold the folds", "testIdxAll")

    def test_nine_folds_are_an_error(self):
        dummy_data.write_folds(self.folds_file(), dummy_data.FOLDS[:9])
        self.fail_to_build("9 folds", "10 folds")

    def test_fold_with_a_stranger_is_an_error(self):
        dummy_data.write_folds(self.folds_file(), [(1, 5), *dummy_data.FOLDS[1:]])
        self.fail_to_build("fold 1", "1 without a probe image [5]")

    def test_fold_that_names_a_person_twice_is_an_error(self):
        dummy_data.write_folds(self.folds_file(), [*dummy_data.FOLDS[:9], (2, 2)])
        self.fail_to_build("fold 10", "1 different ones")


def test_official_folds(shared_dir):
    """The real archive: ten folds of 125 of the 250 persons."""
    from data_builders.archives import open_archive
    from data_builders.grid import folds

    with open_archive(shared_dir / "reid_data" / "underground_reid.zip") as archive:
        official = folds.read_folds(archive, "underground_reid/")
        folds.check_folds(official, range(1, 251), archive.path, fold_persons=125)
    assert len({tuple(fold) for fold in official}) == 10
