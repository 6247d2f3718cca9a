"""Tests of the CUHK03 builder: the official .mat and extracted images."""

import io
import shutil

import h5py
import numpy as np
import PIL.Image

from data_builders import registry, testing
from data_builders.archive_builder import ArchiveConfig
from data_builders.cuhk03 import cuhk03_dataset_builder, dummy_data


class _ExtractedCuhk03:
    """`images_detected/` in place of the .mat, for the common tests."""

    SPLITS = {"detected": dummy_data.SPLITS["detected"]}
    write = staticmethod(dummy_data.write_extracted)


class Cuhk03ExtractedTest(testing.ArchiveBuilderTestCase):
    DATASET_CLASS = cuhk03_dataset_builder.Builder
    DUMMY = _ExtractedCuhk03
    ARCHIVE = "cuhk03_images_detected.zip"
    EXPECTED = {
        ("detected", "images_detected/1_001_2_06.png"): (1001, 2),
        ("detected", "images_detected/2_001_1_01.png"): (2001, 3),
        ("detected", "images_detected/5_001_2_07.png"): (5001, 10),
    }
    IMAGE = "5_001_2_07.png"
    PART = "."

    def test_missing_folder_is_an_error(self):
        """Replaces the common test: the folder is there, but holds nothing."""
        for path in self.root.iterdir():
            path.unlink()
        self.fail_to_build("images_detected")

    def test_partial_accepts_and_says_what_is_missing(self):
        """Replaces the common test: pairs, not folders, are missing."""
        for path in self.root.glob("5_*"):
            path.unlink()
        builder = self.build("partial")
        self.assertIn("cuhk03/partial: 10 of 14,097 images in detected", self.lines)
        self.assertEqual(builder.info.splits["detected"].num_examples, 10)

    def test_the_labeled_half_is_read_where_it_is_there(self):
        shutil.rmtree(self.root)
        root = self.manual_dir / "cuhk03"
        dummy_data.write_extracted(root, halves=("detected", "labeled"))
        counts = {"detected": 12, "labeled": 12}
        records = self.records(
            self.build(ArchiveConfig(name="both", split_images=counts))
        )
        self.assertLen(records, 24)
        self.assertEqual(
            records["labeled", "images_labeled/5_001_2_07.png"][1:], (5001, 10)
        )


class Cuhk03MatTest(testing.ReaderChecks, testing.ArchiveBuilderTestCase):
    DATASET_CLASS = cuhk03_dataset_builder.Builder
    DUMMY = dummy_data
    ARCHIVE = "cuhk03_release.zip"
    EXPECTED = {
        ("detected", "images_detected/1_001_2_06.png"): (1001, 2),
        ("detected", "images_detected/2_001_2_10.png"): (2001, 4),
        ("labeled", "images_labeled/5_001_2_06.png"): (5001, 10),
    }
    IMAGE = "cuhk-03.mat"
    PART = "."

    def test_pixels_are_upright_rgb(self):
        records = self.records(self.build())
        for half, images in (
            ("detected", dummy_data.DETECTED),
            ("labeled", dummy_data.LABELED),
        ):
            for (pair, person), columns in images.items():
                for column in columns:
                    view = 1 + column // 5
                    image = f"{pair}_{person:03d}_{view}_{column + 1:02d}.png"
                    name = f"images_{half}/{image}"
                    encoded, person_id, camera_id = records[half, name]
                    self.assertEqual(person_id, 1000 * pair + person)
                    self.assertEqual(camera_id, 2 * pair - 2 + view)
                    pixels = np.asarray(PIL.Image.open(io.BytesIO(encoded)))
                    np.testing.assert_array_equal(
                        pixels, dummy_data.image(half, pair, person, column)
                    )

    def test_only_the_detected_half_is_counted(self):
        facts = registry.facts("cuhk03")
        self.assertTrue(facts.counts_split("detected"))
        self.assertFalse(facts.counts_split("labeled"))

    def test_two_forms_are_two_candidates(self):
        extracted = dummy_data.write_extracted(self.manual_dir)
        self.fail_to_build(str(extracted), str(self.root))

    def test_of_both_forms_in_one_folder_the_mat_is_read(self):
        """As torchreid leaves them."""
        folder = self.manual_dir / "cuhk03"
        dummy_data.write_extracted(folder, halves=("detected", "labeled"))
        self.root.rename(folder / "cuhk03_release")
        stored = {s: i.num_examples for s, i in self.build().info.splits.items()}
        self.assertEqual(stored, self.SPLITS)  # of labelled ones the folder has 12

    def test_missing_image_is_an_error(self):
        """Replaces the common test: images are cells, not files."""
        fewer = dict(self.SPLITS, detected=13)
        self.fail_to_build(
            "12 images in detected",
            "13 images in detected",
            "partial",
            config=ArchiveConfig(name="more", split_images=fewer),
        )

    def test_misnamed_image_is_an_error(self):
        """Replaces the common test: the .mat is the one name there is."""
        mat = self.root / "cuhk-03.mat"
        mat.rename(mat.with_name("cuhk03.mat"))
        self.fail_to_build("cuhk03_release/cuhk03.mat", "cuhk-03.mat")

    def test_missing_folder_is_an_error(self):
        """Replaces the common test: half of the .mat is missing."""
        with h5py.File(self.root / "cuhk-03.mat", "a") as file:
            del file["labeled"]
        self.fail_to_build("cuhk-03.mat cannot be read", "labeled")

    def test_partial_accepts_and_says_what_is_missing(self):
        """Replaces the common test: the made-up .mat is but a part of the real one."""
        builder = self.build("partial")
        self.assertIn("cuhk03/partial: 12 of 14,097 images in detected", self.lines)
        self.assertIn("cuhk03/partial: 11 of 14,096 images in labeled", self.lines)
        self.assertEqual(builder.info.splits["labeled"].num_examples, 11)

    def test_a_half_without_images_yields_no_split(self):
        with h5py.File(self.root / "cuhk-03.mat", "a") as file:
            cells = file["#refs#/detected_4"]
            for pair in (1, 2, 3, 5):
                name = f"#refs#/labeled_{pair}"
                persons = file[name].shape[1]
                empty = np.tile(cells[()][:, :1], (1, persons))
                file[name][...] = empty
        builder = self.build(
            ArchiveConfig(name="one_half", split_images={"detected": 12})
        )
        self.assertEqual(list(builder.info.splits), ["detected"])

    def test_image_of_another_type_is_an_error(self):
        path = self.root / "cuhk-03.mat"
        for dtype, channels in (("float64", 3), ("int8", 3), ("uint8", 4)):
            with h5py.File(path, "a") as file:
                wrong = np.zeros((channels, 8, 16), dtype)
                name = f"#refs#/{dtype}_{channels}"
                cells = file["#refs#/labeled_5"]
                cells[5, 0] = file.create_dataset(name, data=wrong).ref
            self.fail_to_build(
                f"images_labeled/5_001_2_06.png is {dtype} ({channels}, 8, 16)"
            )

    def test_persons_of_another_number_of_images_are_an_error(self):
        path = self.root / "cuhk-03.mat"
        for shape in ((9, 2), (11, 2), (10,), (10, 1, 2)):
            with h5py.File(path, "a") as file:
                own = file["#refs#/labeled_1"][()]
                cells = np.broadcast_to(own[0, 0], shape).astype(object)
                made = file.create_dataset(
                    f"#refs#/{shape}", data=cells, dtype=h5py.ref_dtype
                )
                file["labeled"][0, 0] = made.ref
            self.fail_to_build(f"labeled pair 1 is an array {shape}")


def test_official_sample(shared_dir, tmp_path):
    """The sample in the official layout: 116 detected, 116 labelled, 12 persons."""
    builder = cuhk03_dataset_builder.Builder(data_dir=tmp_path, config="partial")
    manual_dir = shared_dir / "reid_data_samples"
    builder = registry.build("cuhk03/partial", tmp_path, manual_dir, log=lambda _: None)
    assert {s: i.num_examples for s, i in builder.info.splits.items()} == {
        "detected": 116,
        "labeled": 116,
    }
    source = builder.as_data_source("detected")
    assert len({int(record["person_id"]) for record in source}) == 12
    assert {record["image"].shape for record in source} == {(160, 60, 3)}
