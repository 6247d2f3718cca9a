"""Tests of the Market-1501 builder."""

from data_builders import comparison, testing
from data_builders.archives import open_archive
from data_builders.market1501 import dummy_data, market1501_dataset_builder


class Market1501Test(testing.ArchiveBuilderTestCase):
    DATASET_CLASS = market1501_dataset_builder.Builder
    DUMMY = dummy_data
    ARCHIVE = "Market-1501-v15.09.15.zip"
    EXPECTED = {
        ("train", "bounding_box_train/0002_c6s1_000551_01.jpg"): (2, 6),
        ("train", "bounding_box_train/0007_c3s3_077419_03.jpg"): (7, 3),
        ("query", "query/1501_c6s4_001877_00.jpg"): (1501, 6),
        ("gallery", "bounding_box_test/-1_c1s1_000401_03.jpg"): (-1, 1),
        ("gallery", "bounding_box_test/0000_c2s1_000301_02.jpg"): (0, 2),
        ("gallery", "bounding_box_test/1501_c1s6_016646_01.jpg"): (1501, 1),
    }
    IMAGE = "bounding_box_train/0007_c3s3_077419_03.jpg"
    PART = "bounding_box_test"

    def test_junk_and_distractors_are_no_identities(self):
        with open_archive(self.root) as archive:
            reader = self.dataset_class.open_reader(archive, None)
        counts = comparison.count(reader.entries, self.dataset_class.FACTS)
        # 2 and 7 in train; 1 and 1501 in query and gallery; -1 and 0 are nobody.
        self.assertEqual(counts.identities, 4)
        self.assertEqual(counts.images, 4 + 2 + 2)
        self.assertEqual(
            counts.split_identities, {"train": 2, "query": 2, "gallery": 2}
        )

    def test_a_seventh_camera_does_not_fit(self):
        path = self.root / "query" / "0001_c7s1_001051_00.jpg"
        path.write_bytes((self.root / self.IMAGE).read_bytes())
        self.fail_to_build(path.name)
