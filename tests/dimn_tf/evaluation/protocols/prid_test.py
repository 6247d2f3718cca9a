"""PRID 2011: persons of both views against all of view B."""

import pytest

from dimn_tf import errors
from dimn_tf.evaluation import targets
from dimn_tf.evaluation.protocols import prid, shipped, trial_text
from tests.dimn_tf.evaluation.protocols import asking


def test_drawn_trials(prid_records):
    trials = prid.draw(asking.asked(prid_records))
    assert len(trials) == 10 and len({t.pairs for t in trials}) == 10
    for trial in asking.resolve(prid_records, trials):
        assert len(trial.probe_ids) == 100 and len(trial.gallery_ids) == 649
        assert len(set(trial.gallery_ids.tolist())) == 649
        assert trial.probe_ids.max() <= 200 and trial.probe_ids.min() >= 1
        assert (prid_records.splits[trial.probe_indices] == "cam_a").all()
        assert (prid_records.splits[trial.gallery_indices] == "cam_b").all()
        # Persons of B alone are all there; the 100 paired ones not drawn are not.
        assert set(range(1201, 1750)) <= set(trial.gallery_ids.tolist())
        # Nobody of the gallery but the probe's own image counts as a match.
        matches = trial.probe_ids[:, None] == trial.gallery_ids
        assert (matches.sum(axis=1) == 1).all()


def test_the_list_is_drawn_by_the_command_in_its_header(prid_records):
    # PRID's names follow from its numbers, so its list can be redrawn anywhere.
    assert prid.draw(asking.asked(prid_records)) == shipped.shipped_list("prid")
    other = prid.draw(asking.asked(prid_records, trial_seed=1))
    assert other != shipped.shipped_list("prid")


@pytest.mark.parametrize("position", [4, 385 + 4])  # person 5 of views A and B
def test_lacking_a_paired_person(prid_records, position):
    prid_records.splits[position] = "elsewhere"
    with pytest.raises(errors.UserError, match="1 are not .the first is 5"):
        prid.draw(asking.asked(prid_records))
    prid_records.splits[position + 2] = "elsewhere"
    with pytest.raises(errors.UserError, match="2 are not .the first is 5"):
        prid.draw(asking.asked(prid_records))


def test_two_images_of_a_person_in_a_single_shot_view(prid_records):
    prid_records.person_ids[1] = 1
    with pytest.raises(errors.UserError, match="two images of person 1"):
        prid.draw(asking.asked(prid_records))


def test_target(prid_records):
    target = targets.target_of_records(prid_records)
    assert target.name == "prid" and len(target.trials) == 10
    assert target.trials_sha256 == trial_text.sha256(shipped.shipped_list("prid"))
    assert target.trials_source == "list prid.txt of the package"
    assert len(target.trials[0].gallery_indices) == 649


def test_a_partial_archive_is_told_what_it_lacks(fake_records):
    rows = [("cam_a", "single_shot/cam_a/person_0001.png", 1, 1)]
    with pytest.raises(errors.UserError, match=r"prid/partial names \d+ of 749 images"):
        targets.target_of_records(fake_records("prid/partial", rows))


def test_the_order_of_the_records_does_not_matter(prid_records):
    for name in ("person_ids", "camera_ids", "file_names", "splits"):
        setattr(prid_records, name, getattr(prid_records, name)[::-1])
    assert prid.draw(asking.asked(prid_records)) == shipped.shipped_list("prid")
