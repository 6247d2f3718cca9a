"""Tests that the field's data sets are not taken for "a folder a person"."""

import pytest

from data_builders import registry
from data_builders.dukemtmc_reid import dummy_data as duke
from data_builders.market1501 import dummy_data as market
from data_builders.prid import dummy_data as prid
from data_builders.reid_folder import conventions, listing, reference
from data_builders.viper import dummy_data as viper
from dimn_tf.errors import DataError


@pytest.mark.parametrize(
    ("data_set", "made_up"), [("market1501", market), ("dukemtmc_reid", duke)]
)
def test_a_known_data_set_is_named(tmp_path, data_set, made_up):
    root = made_up.write(tmp_path)
    for place in (root, root / "bounding_box_train"):
        with pytest.raises(DataError, match="is no folder of persons") as caught:
            listing.read(reference.parse(str(place)))
        assert f"name the data set, `{data_set}`, with --manual_dir" in str(
            caught.value
        )


@pytest.mark.parametrize("made_up", [viper, prid])
def test_data_sets_of_cameras_are_refused(tmp_path, made_up):
    root = made_up.write(tmp_path)
    with pytest.raises(DataError, match="is no folder of persons") as caught:
        registry.facts(f"reid_folder:{root}")
    assert "cameras" in str(caught.value) or "splits" in str(caught.value)


@pytest.mark.parametrize(
    ("names", "problem", "action"),
    [
        (["cam1/1.png", "cam2/2.png"], "cameras", "?camera="),
        (["Camera_A/1.png", "camera_b/2.png"], "cameras", "column"),
        (["c1/1.png", "c2/1.png", "c10/1.png"], "cameras", "?camera="),
        (["train/7/1.png", "test/8/1.png"], "splits", "reid_folder:/x/y/test"),
        (["Query/1.png", "Gallery/2.png", "other/3.png"], "splits", "CSV"),
        (["1.png", "2.png"], "no folder", "one folder a person"),
    ],
)
def test_other_trees_are_refused_with_what_to_do(tmp_path, names, problem, action):
    import pathlib

    with pytest.raises(DataError) as caught:
        conventions.refuse_other_trees(pathlib.Path("/x/y"), names)
    assert problem in caught.value.problem
    assert action in caught.value.action or action in str(caught.value)


@pytest.mark.parametrize(
    "names",
    [
        ["alice/1.png", "bob/2.png"],
        ["0001/1.png", "0002/cam1/2.png"],
        ["camilla/1.png", "carl/2.png"],
        ["cam1/1.png", "alice/2.png"],
        ["c1/1.png"],  # One person, of whatever name.
        ["trainer/1.png", "query_7/1.png"],
        [],
    ],
)
def test_folders_of_persons_are_let_through(tmp_path, names):
    conventions.refuse_other_trees(tmp_path, names)


@pytest.mark.parametrize(
    ("person", "stands_for_none"),
    [("-1", True), ("0", True), ("0000", True), ("-2", True), ("0001", False),
     ("10", False), ("", False), ("a0", False), ("-", False)],
)  # fmt: skip
def test_ids_that_stand_for_no_person(person, stands_for_none):
    assert conventions.is_distractor(person) == stands_for_none


def test_the_first_six_folders_at_fault_are_named(tmp_path):
    for count, more in ((6, ""), (7, ", ...")):
        names = [f"cam{i}/1.png" for i in range(1, count + 1)]
        with pytest.raises(DataError) as caught:
            conventions.refuse_other_trees(tmp_path, names)
        assert caught.value.found == "cam1, cam2, cam3, cam4, cam5, cam6" + more


@pytest.mark.parametrize("names", [["query/1.png", "x/7/1.png"], ["train/1.png"]])
def test_a_split_without_folders_of_persons_is_not_offered(tmp_path, names):
    with pytest.raises(DataError, match="splits, not persons") as caught:
        conventions.refuse_other_trees(tmp_path, names)
    assert caught.value.action.startswith("list the images in a CSV")
