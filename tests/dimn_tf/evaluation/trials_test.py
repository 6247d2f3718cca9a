"""Trial lists: text, hash, resolution over records."""

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.evaluation import trials

NAMED = [
    trials.NamedTrial("one", (("a/1", "b/1"), ("a/3", "b/3")), ("b/9",)),
    trials.NamedTrial("two", (("a/2", "b/2"),), ("b/9",)),
]


@pytest.fixture
def records(fake_records):
    rows = [("cam_a", f"a/{p}.png", p, 1) for p in (1, 2, 3)]
    rows += [("cam_b", f"b/{p}.jpg", p, 2) for p in (9, 3, 2, 1)]
    return fake_records("set", rows)


def test_stem():
    assert trials.stem("cam_a/000_45.bmp") == "cam_a/000_45"
    assert trials.stem("Persons/0001001.jpg") == trials.stem("Persons/0001001.png")


def test_text_form_and_round_trip():
    text = trials.to_text(NAMED, "set", "draw it")
    assert text.splitlines() == [
        "# Trial list of set: 2 trials.",
        "# Drawn by: draw it",
        f"# sha256 of the lines below: {trials.sha256(NAMED)}",
        "trial one",
        "pair a/1 b/1",
        "pair a/3 b/3",
        "trial two",
        "pair a/2 b/2",
        "every_trial",
        "gallery b/9",
    ]
    assert trials.from_text(text, "here") == NAMED


def test_distractors_that_differ_are_listed_by_trial():
    named = [NAMED[0], trials.NamedTrial("two", (("a/2", "b/2"),), ("b/1",))]
    text = trials.to_text(named, "set", "draw it")
    assert "every_trial" not in text
    assert trials.from_text(text, "here") == named


def test_a_changed_list_is_refused():
    text = trials.to_text(NAMED, "set", "draw it")
    for changed in (
        text.replace("pair a/3 b/3", "pair a/3 b/1"),
        text.replace("pair a/2 b/2\n", ""),
        text.replace("# sha256 of", "# hash of"),
        text + "gallery b/8\n",
    ):
        with pytest.raises(errors.UserError, match="here was changed"):
            trials.from_text(changed, "here")


@pytest.mark.parametrize(
    "lines",
    [
        "pair a b\n",  # before any trial
        "gallery a\n",
        "trial one\ntrial one\n",
        "trial one\npair a\n",
        "trial one\nevery_trial\npair a b\n",
    ],
)
def test_malformed_lines_are_named(lines):
    import hashlib

    digest = hashlib.sha256(lines.encode()).hexdigest()
    text = f"# sha256 of the lines below: {digest}\n{lines}"
    with pytest.raises(errors.UserError, match="here: unexpected line"):
        trials.from_text(text, "here")


def test_resolve(records):
    trial = NAMED[0].resolve(records, trials.positions_by_name(records))
    np.testing.assert_array_equal(trial.probe_indices, [0, 2])
    np.testing.assert_array_equal(trial.gallery_indices, [6, 4, 3])
    np.testing.assert_array_equal(trial.probe_ids, [1, 3])
    np.testing.assert_array_equal(trial.gallery_ids, [1, 3, 9])
    assert trial.probe_cameras is None and trial.name == "one"


def test_swapped(records):
    pairs = NAMED[0].pairs
    swapped = trials.NamedTrial("one", pairs).swapped()
    assert swapped.name == "one_swapped"
    assert swapped.pairs == (("b/1", "a/1"), ("b/3", "a/3"))
    with pytest.raises(errors.UserError, match="1 distractors"):
        NAMED[0].swapped()


def test_missing_images_are_counted_and_named(records):
    named = trials.NamedTrial("t", (("a/1", "b/1"), ("a/7", "b/7")), ("b/8",))
    with pytest.raises(errors.UserError) as error:
        named.resolve(records, trials.positions_by_name(records))
    assert "names 3 of 5 images" in str(error.value)
    assert "a/7, b/7, b/8" in str(error.value)


def test_pairs_of_two_identities_are_refused(records):
    named = trials.NamedTrial("t", (("a/1", "b/1"), ("a/2", "b/3")))
    with pytest.raises(errors.UserError, match="pairs a/2 with b/3.*2 and 3"):
        named.resolve(records, trials.positions_by_name(records))


def test_a_distractor_of_a_probes_identity_is_refused(records):
    named = trials.NamedTrial("t", (("a/1", "b/1"), ("a/2", "b/2")), ("a/3", "b/3"))
    assert named.resolve(records, trials.positions_by_name(records))
    named = trials.NamedTrial("t", (("a/1", "b/1"), ("a/3", "b/3")), ("b/9", "b/2"))
    assert named.resolve(records, trials.positions_by_name(records))
    named = trials.NamedTrial("t", (("a/1", "b/1"), ("b/2", "a/2")), ("b/9", "a/1"))
    with pytest.raises(errors.UserError, match="lists a/1 as a distractor"):
        named.resolve(records, trials.positions_by_name(records))


def test_copies_with_another_extension_are_refused(fake_records):
    rows = [("all", "a/1.png", 1, 1), ("all", "a/1.jpg", 1, 1)]
    with pytest.raises(errors.UserError, match="extension alone"):
        trials.positions_by_name(fake_records("set", rows))
