import sys
import types

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.data import records


def _written(builder, splits=("train", "query")):
    """file name -> (person, camera, split, image file), as the builder generated."""
    return {
        name: (example["person_id"], example["camera_id"], split, builder.encoded(name))
        for split in splits
        for name, example in builder._generate_examples(split)
    }


def test_every_record_comes_back_as_it_was_written(made_up_builder):
    found = records.records_of_builder(made_up_builder, "made_up")

    pictures = found.encoded_images(range(len(found)))
    read_back = {
        str(found.file_names[i]): (
            found.person_ids[i],
            found.camera_ids[i],
            found.splits[i],
            pictures[i],
        )
        for i in range(len(found))
    }
    assert len(found) == 13
    assert read_back == _written(made_up_builder)
    assert found.person_ids.dtype == found.camera_ids.dtype == np.int64


def test_metadata_are_the_same_however_many_are_read_at_a_time(
    made_up_builder, monkeypatch
):
    at_once = records.records_of_builder(made_up_builder, "made_up")
    monkeypatch.setattr(records, "_METADATA_CHUNK", 3)
    in_chunks = records.records_of_builder(made_up_builder, "made_up")

    np.testing.assert_array_equal(in_chunks.person_ids, at_once.person_ids)
    np.testing.assert_array_equal(in_chunks.camera_ids, at_once.camera_ids)
    np.testing.assert_array_equal(in_chunks.file_names, at_once.file_names)


def test_splits_stand_in_the_order_that_the_builder_declares(made_up_builder):
    found = records.records_of_builder(made_up_builder, "made_up")
    assert found.splits.tolist() == ["train"] * 8 + ["query"] * 5


def test_splits_stand_in_the_order_asked_for(made_up_builder):
    found = records.records_of_builder(made_up_builder, "m", ["query", "train"])
    assert found.splits.tolist() == ["query"] * 5 + ["train"] * 8
    assert all(
        name.startswith(split)
        for name, split in zip(found.file_names, found.splits, strict=True)
    )


def test_one_split_alone(made_up_builder):
    found = records.records_of_builder(made_up_builder, "made_up", ["query"])
    assert set(found.file_names) == set(_written(made_up_builder, ["query"]))
    assert sorted(found.person_ids) == [-1, 7, 7, 30, 30]


def test_images_are_read_in_any_order_and_more_than_once(made_up_builder):
    found = records.records_of_builder(made_up_builder, "made_up")
    asked = np.array([12, 0, 12, 5])
    assert found.encoded_images(asked) == [
        made_up_builder.encoded(str(found.file_names[i])) for i in asked
    ]
    assert found.encoded_images([]) == []


def test_unknown_split_is_named(made_up_builder):
    with pytest.raises(
        errors.UserError, match=r"no split gallery; it has train, query"
    ):
        records.records_of_builder(made_up_builder, "made_up", ["train", "gallery"])


def test_data_set_that_is_not_built_is_named_with_the_command(
    made_up_builder, tmp_path
):
    absent = type(made_up_builder)(data_dir=tmp_path)
    with pytest.raises(errors.UserError) as caught:
        records.records_of_builder(absent, "made_up/partial")
    message = str(caught.value)
    assert "'made_up/partial' is not built" in message
    assert str(tmp_path) in message
    assert "python -m experiments.build_datasets" in message


def test_format_without_random_access_is_refused(made_up_builder, tmp_path):
    builder = type(made_up_builder)(data_dir=tmp_path, file_format="tfrecord")
    builder.download_and_prepare()
    with pytest.raises(errors.UserError, match=r"tfrecord.*cannot be read by index"):
        records.records_of_builder(builder, "made_up")


def test_load_records_asks_the_registry(made_up_builder, monkeypatch):
    asked, looked_at = [], []

    def make_builder(reference, data_dir):
        asked.append((reference, data_dir))
        return made_up_builder

    registry = types.ModuleType("data_builders.registry")
    registry.make_builder = make_builder
    registry.refuse_classes = looked_at.extend
    registry.facts = lambda reference, data_dir: types.SimpleNamespace(
        non_identities=(-1, 0), training_splits=("query",)
    )
    monkeypatch.setitem(sys.modules, "data_builders.registry", registry)
    monkeypatch.setattr("data_builders.registry", registry, raising=False)

    found = records.load_records("made_up", "some/folder", ["query"])

    assert asked == [("made_up", "some/folder")] and looked_at == ["made_up"]
    assert found.reference == "made_up"
    assert found.non_identities == (-1, 0)
    assert found.training_splits == ("query",)
    assert len(found) == 5


@pytest.mark.parametrize("reference", ["mini_imagenet", "mini_imagenet/partial"])
def test_a_data_set_of_classes_has_no_persons(reference, tmp_path):
    with pytest.raises(errors.UserError, match="expected data sets of persons"):
        records.load_records(reference, str(tmp_path))


def test_in_memory_records_serve_like_built_ones():
    found = records.in_memory(
        "made_up", [b"a", b"b", b"c"], [5, 5, 6], file_names=["x", "y", "z"]
    )
    assert len(found) == 3
    assert found.encoded_images([2, 0, 2]) == [b"c", b"a", b"c"]
    assert found.person_ids.tolist() == [5, 5, 6]
    assert found.camera_ids.tolist() == [0, 0, 0]
    assert found.file_names.tolist() == ["x", "y", "z"]
    assert found.splits.tolist() == ["all"] * 3
    assert found.non_identities == found.training_splits == ()
    told = records.in_memory(
        "made_up",
        [b"a", b"b"],
        [5, 0],
        [7, 8],
        splits=["train", "query"],
        non_identities=[0],
        training_splits=["train"],
    )
    assert told.camera_ids.tolist() == [7, 8]
    assert told.file_names.tolist() == ["0", "1"]
    assert told.splits.tolist() == ["train", "query"]
    assert told.non_identities == (0,) and told.training_splits == ("train",)
    assert told.reference == "made_up"


def test_names_that_are_no_text_are_one_clear_error(made_up_builder, monkeypatch):
    read = records._read_metadata

    def with_bytes(source, *features):
        persons, cameras, names = read(source, *features)
        names = names.astype("S40")
        names[3], names[5] = b"train/\xfc.png", b"train/\xff.png"
        return persons, cameras, names

    monkeypatch.setattr(records, "_read_metadata", with_bytes)
    with pytest.raises(errors.DataError, match="2 of its 13 images") as caught:
        records.records_of_builder(made_up_builder, "made_up")
    assert caught.value.path == str(made_up_builder.data_path)
    assert caught.value.found == r"'train/\xfc.png'"
    assert "UTF-8" in caught.value.expected and "build it again" in caught.value.action
