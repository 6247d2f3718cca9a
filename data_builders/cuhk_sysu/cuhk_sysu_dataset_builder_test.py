"""Tests of the CUHK-SYSU builder."""

import io
import struct

import numpy as np
import PIL.Image
import scipy.io

from data_builders import testing
from data_builders.cuhk_sysu import cuhk_sysu_dataset_builder, dummy_data
from data_builders.cuhk_sysu.annotation import Appearance


def _decode(encoded: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(encoded)).convert("RGB"))


class CuhkSysuTest(testing.ReaderChecks, testing.ArchiveBuilderTestCase):
    DATASET_CLASS = cuhk_sysu_dataset_builder.Builder
    DUMMY = dummy_data
    ARCHIVE = "CUHK-SYSU.zip"
    EXPECTED = {
        ("persons", "p1_s1_1.png"): (1, 0),
        ("persons", "p1_s2_2.png"): (1, 0),
        ("persons", "p2_s4_1.png"): (2, 0),
        ("persons", "p11934_s1_1.png"): (11934, 0),
    }
    IMAGE = "Image/SSM/s4.jpg"
    PART = "Image"

    def annotation(self):
        return self.root / "annotation" / "Person.mat"

    def test_crops_are_the_boxes_clamped_to_the_frame(self):
        records = self.records(self.build())
        frames = {
            name: _decode((self.root / "Image/SSM" / name).read_bytes())
            for name in dummy_data.FRAMES
        }
        expected = {
            "p1_s1_1.png": frames["s1.jpg"][3:13, 2:7],
            "p1_s2_1.png": frames["s2.jpg"][0:10, 0:6],  # (-4, -2, 10, 12)
            "p1_s2_2.png": frames["s2.jpg"][2:11, 10:16],
            "p2_s2_1.png": frames["s2.jpg"][20:24, 28:32],  # (28, 20, 10, 10)
            "p2_s4_1.png": frames["s4.jpg"],
            "p11934_s1_1.png": frames["s1.jpg"][1:9, 8:12],
        }
        self.assertEqual({name for _, name in records}, set(expected))
        for name, pixels in expected.items():
            np.testing.assert_array_equal(_decode(records["persons", name][0]), pixels)

    def test_clamping_by_hand(self):
        def clamped(*box):
            return Appearance(1, "s1.jpg", box).clamped(width=8, height=6)

        self.assertEqual(clamped(-3, 1, 10, 2), (0, 1, 7, 3))
        self.assertEqual(clamped(7, 5, 10, 10), (7, 5, 8, 6))
        self.assertIsNone(clamped(8, 0, 5, 5))
        self.assertIsNone(clamped(-5, 0, 5, 5))
        self.assertIsNone(clamped(0, 6, 5, 5))
        self.assertIsNone(clamped(0, 9, 5, 5))
        self.assertIsNone(clamped(0, -9, 5, 5))
        self.assertIsNone(clamped(11, 0, 5, 5))
        self.assertIsNone(clamped(2, 2, 0, 5))

    def test_misnamed_image_is_an_error(self):
        """Replaces the common test: a renamed frame is one that is missing."""
        image = self.root / self.IMAGE
        image.rename(image.with_name("t4.jpg"))
        self.fail_to_build("no 1 frames in Image/SSM/", "5 images in persons")

    def test_missing_image_is_an_error(self):
        """Replaces the common test: frames are missing, and with them images."""
        (self.root / self.IMAGE).unlink()
        self.fail_to_build("no 1 frames in Image/SSM/", "5 images in persons")

    def test_partial_accepts_and_says_what_is_missing(self):
        """Replaces the common test: some frames, not all, may be missing."""
        (self.root / self.IMAGE).unlink()
        builder = self.build("partial")
        self.assertIn(
            "cuhk_sysu/partial: 1 frames in Image/SSM/ is missing", self.lines
        )
        self.assertEqual(builder.info.splits["persons"].num_examples, 5)

    def test_a_frame_that_claims_too_many_pixels_is_an_error(self):
        size = struct.pack(">HH", dummy_data.FRAME_HEIGHT, dummy_data.FRAME_WIDTH)
        frame = self.root / self.IMAGE
        frame.write_bytes(
            frame.read_bytes().replace(size, struct.pack(">HH", 60_000, 60_000))
        )
        self.fail_to_build("Image/SSM/s4.jpg", "more than 64,000,000 pixels")

    def test_a_frame_whose_header_is_none_is_an_error(self):
        for content in (b"", b"text", b"\xff\xd8\xff\xc0"):
            (self.root / self.IMAGE).write_bytes(content)
            self.fail_to_build("Image/SSM/s4.jpg")

    def test_partial_needs_one_image_at_least(self):
        for frame in (self.root / "Image/SSM").iterdir():
            frame.unlink()
        self.fail_to_build("CUHK-SYSU holds no image", config="partial")

    def test_missing_annotation_is_an_error(self):
        self.annotation().unlink()
        self.fail_to_build("annotation/Person.mat")

    def test_damaged_annotation_is_an_error(self):
        whole = self.annotation().read_bytes()
        for content in (whole[: len(whole) // 2], b"", b"x" * 500):
            self.annotation().write_bytes(content)
            self.fail_to_build("Person.mat does not hold the persons")

    def test_copy_without_identities_is_an_error(self):
        boxes = np.zeros((1, 1), dtype=[("scene", object)])
        for variables in ({"Person": boxes}, {"Img": boxes}):
            scipy.io.savemat(self.annotation(), variables)
            self.fail_to_build("idname")

    def test_identity_named_otherwise_is_an_error(self):
        dummy_data.write_annotation(
            self.annotation(), [("person one", "s1.jpg", (0, 0, 4, 4))]
        )
        self.fail_to_build("Person.mat does not hold the persons")
