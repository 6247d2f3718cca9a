"""Tests of the PRID builder."""

from data_builders import survey, testing
from data_builders.prid import dummy_data, prid_dataset_builder


class PridTest(testing.ArchiveBuilderTestCase):
    DATASET_CLASS = prid_dataset_builder.Builder
    DUMMY = dummy_data
    ARCHIVE = "prid_2011.zip"
    # The archive's 201 is one person in cam_a and another one in cam_b.
    EXPECTED = {
        ("cam_a", "single_shot/cam_a/person_0001.png"): (1, 1),
        ("cam_a", "single_shot/cam_a/person_0201.png"): (201, 1),
        ("cam_b", "single_shot/cam_b/person_0201.png"): (1201, 2),
        ("cam_b", "single_shot/cam_b/person_0749.png"): (1749, 2),
    }
    IMAGE = "single_shot/cam_b/person_0749.png"
    PART = "single_shot/cam_a"

    def test_each_person_has_one_id(self):
        """By hand: 1 and 200 in both views, 201 in cam_a, 201 and 749 in cam_b."""
        records = self.records(self.build())
        self.assertEqual({r[1] for r in records.values()}, {1, 200, 201, 1201, 1749})


def test_the_real_archive_shows_934_persons(shared_dir):
    found = survey.look("prid", shared_dir / "reid_data")
    assert (found.counts.identities, found.counts.images) == (934, 1_134)
    assert found.state == "complete"
