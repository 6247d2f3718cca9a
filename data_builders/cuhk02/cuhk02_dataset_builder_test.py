"""Tests of the CUHK02 builder."""

import shutil

from data_builders import dummy_images, testing
from data_builders.cuhk02 import cuhk02_dataset_builder, dummy_data


class Cuhk02Test(testing.ArchiveBuilderTestCase):
    DATASET_CLASS = cuhk02_dataset_builder.Builder
    DUMMY = dummy_data
    ARCHIVE = "CUHK02.zip"
    # Person 1 of P1 and person 1 of P2 are two people.
    EXPECTED = {
        ("p1", "P1/cam1/001_1.png"): (1001, 1),
        ("p1", "P1/cam2/971_2.png"): (1971, 2),
        ("p2", "P2/cam1/001_2.png"): (2001, 3),
        ("p5", "P5/cam2/239_1.png"): (5239, 10),
    }
    IMAGE = "Dataset/P5/cam2/239_1.png"
    PART = "Dataset/P5"

    def test_jpg_is_read_like_png(self):
        for path in self.root.rglob("*.png"):
            path.unlink()
            name = path.with_suffix(".jpg").relative_to(self.root).as_posix()
            dummy_images.write(self.root, [name])
        records = self.records(self.build())
        self.assertLen(records, sum(self.SPLITS.values()))
        image, person, camera = records["p5", "P5/cam2/239_1.jpg"]
        self.assertEqual((person, camera), (5239, 10))
        original = self.root / "Dataset/P5/cam2/239_1.jpg"
        self.assertEqual(image, original.read_bytes())

    def test_what_leads_to_the_pairs_does_not_matter(self):
        expected = self.records(self.build())
        for folder in ("CUHK02", "cuhk02", "Dataset"):
            shutil.rmtree(self.data_dir)
            shutil.rmtree(self.manual_dir)
            source = self.DUMMY.write(self.manual_dir / "scratch") / "Dataset"
            source.rename(self.manual_dir / folder)
            shutil.rmtree(self.manual_dir / "scratch")
            self.assertEqual(self.records(self.build()), expected)

    def test_pairs_twice_in_one_archive_are_an_error(self):
        shutil.copytree(self.root / "Dataset", self.root / "copy" / "Dataset")
        self.fail_to_build("CUHK02/Dataset/", "CUHK02/copy/Dataset/")
