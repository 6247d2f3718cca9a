"""Tests of the comparison with known statistics, by hand-counted entries."""

import dataclasses

from data_builders import comparison, difference, registry
from data_builders.readers import ImageEntry, MissingPart, Reader


class _Reader(Reader):
    def images(self, split):
        raise AssertionError("a comparison decodes nothing")


def _reader(**splits):
    reader = _Reader()
    reader.entries = {
        split: [ImageEntry(f"{split}/{i}", person, 1) for i, person in enumerate(ids)]
        for split, ids in splits.items()
    }
    return reader


def _facts(**changes):
    known = dict(
        split_images={"train": 3, "test": 4},
        split_identities={"train": 2, "test": 2},
        identities=3,  # 5, 6 and 7
        images=5,
        non_identities=(-1, 0),
    )
    return dataclasses.replace(registry.facts("viper"), **{**known, **changes})


def test_counts_leave_out_what_is_no_identity():
    counts = comparison.count(
        _reader(train=[5, 5, 6], test=[6, 7, 0, -1]).entries, _facts()
    )
    assert counts.split_images == {"train": 3, "test": 4}
    assert counts.split_identities == {"train": 2, "test": 2}
    assert (counts.identities, counts.images) == (3, 5)


def test_no_difference():
    reader = _reader(train=[5, 5, 6], test=[6, 7, 0, -1])
    assert comparison.compare(reader, _facts()) == []


def test_one_image_too_few():
    (only,) = comparison.compare(_reader(train=[5, 5, 6], test=[6, 7, 0]), _facts())
    assert str(only) == "3 of 4 images in test"
    assert only.is_missing


def test_one_image_too_many_is_not_missing():
    differences = comparison.compare(
        _reader(train=[5, 5, 6], test=[6, 7, 0, 0, -1]), _facts()
    )
    assert [(d.found_text, d.expected_text) for d in differences] == [
        ("5 images in test", "4 images in test")
    ]
    assert not differences[0].is_missing


def test_one_identity_in_place_of_another():
    differences = comparison.compare(
        _reader(train=[5, 5, 6], test=[6, 6, 0, -1]), _facts()
    )
    assert [str(d) for d in differences] == [
        "1 of 2 identities in test",
        "2 of 3 identities in all",
    ]


def test_only_training_splits_count():
    facts = _facts(training_splits=("train",), identities=2, images=3)
    reader = _reader(train=[5, 5, 6], test=[6, 7, 0, -1])
    assert comparison.compare(reader, facts) == []


def test_optional_split_may_be_absent_but_not_short():
    facts = _facts(
        training_splits=("train",),
        identities=2,
        images=3,
        optional_splits=("test",),
    )
    assert comparison.compare(_reader(train=[5, 5, 6]), facts) == []
    short = comparison.compare(_reader(train=[5, 5, 6], test=[6, 7, 0]), facts)
    assert [str(d) for d in short] == ["3 of 4 images in test"]


def test_missing_part_explains_its_split():
    reader = _reader(train=[5, 5, 6])
    reader.missing = [MissingPart("folder test/", "test")]
    differences = comparison.compare(reader, _facts(identities=None, images=None))
    assert differences == [comparison.Difference("folder test/", 0, None)]
    assert str(differences[0]) == "folder test/ is missing"
    assert differences[0].is_missing
    assert differences[0].found_text == "no folder test/"
    assert differences[0].expected_text == "folder test/"


def test_absent_split_without_a_missing_part_is_said():
    differences = comparison.compare(
        _reader(train=[5, 5, 6]), _facts(identities=None, images=None)
    )
    assert [str(d) for d in differences] == ["0 of 4 images in test"]


def test_images_of_each_identity():
    facts = _facts(images_per_identity=2, split_images={}, split_identities={})
    facts = dataclasses.replace(facts, identities=None, images=None, counted="classes")
    assert comparison.compare(_reader(a=[5, 5, 0], b=[6, 6]), facts) == []
    differences = comparison.compare(
        _reader(a=[1, 2, 3, 4, 5, 5, 0], b=[6, 6, 6]), facts
    )
    assert [(str(d), d.is_missing) for d in differences] == [
        ("1 of 6 classes of 2 images (1: 1, 2: 1, 3: 1, ...)", True),
        ("1 of 0 classes of more than 2 images (6: 3)", False),
    ]
    assert differences[0].found_text == "1 classes of 2 images (1: 1, 2: 1, 3: 1, ...)"
    assert differences[0].expected_text == "6 classes of 2 images"


def test_what_a_reader_finds_itself_comes_last():
    reader = _reader(train=[5, 5], test=[6, 7, 0, -1])
    own = comparison.Difference("rows with an image", 1, 2, "none for a")
    reader.differences = [own]
    others = comparison.compare(_reader(train=[5, 5], test=[6, 7, 0, -1]), _facts())
    assert comparison.compare(reader, _facts()) == [*others, own] and others
    assert str(own) == "1 of 2 rows with an image (none for a)"


def test_the_first_three_names_are_told():
    assert difference.first_of(["a", "b", "c"]) == "a, b, c"
    assert difference.first_of(["a", "b", "c", "d"]) == "a, b, c, ..."
