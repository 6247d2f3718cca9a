"""Tests of finding an archive that is there under another name."""

import dataclasses
import os

import pytest

from data_builders import manual_dir, registry
from dimn_tf.errors import DataError


@pytest.mark.parametrize(
    ("data_set", "seen", "wanted"),
    [
        ("market1501", "Market-1501-v15.09.15 (1).zip", "Market-1501-v15.09.15.zip"),
        ("market1501", "market1501.zip", "Market-1501-v15.09.15.zip"),
        ("market1501", "Market-1501-v15.09.15 - Copy", "Market-1501-v15.09.15"),
        ("viper", "viper.zip", "VIPeR.v1.0.zip"),
        ("viper", "VIPeR.v1.0_backup.zip", "VIPeR.v1.0.zip"),
        ("grid", "underground_reid - Copy", "underground_reid"),
        ("grid", "underground_reid_copy2.zip", "underground_reid.zip"),
        ("market1501", "Market-1501_v2.zip", "Market-1501-v15.09.15.zip"),
        ("cuhk03", "CUHK03 (1).zip", "cuhk03_release.zip"),
        ("prid", "PRID2011.zip", "prid_2011.zip"),
        ("grid", "underground_reid (2).zip", "underground_reid.zip"),
        ("ilids", "i-LIDS_Pedestrian (1).tgz", "i-LIDS_Pedestrian.tgz"),
        ("dukemtmc_reid", "dukemtmc-reid.rar", "DukeMTMC-reID.zip"),
    ],
)
def test_an_archive_under_another_name_is_named(tmp_path, data_set, seen, wanted):
    if seen.endswith("Copy"):
        (tmp_path / seen).mkdir()
    else:
        (tmp_path / seen).touch()
    with pytest.raises(DataError, match="is missing") as caught:
        manual_dir.find_archive(registry.facts(data_set), tmp_path)
    asked = f"is {tmp_path / seen} it? Then rename it to {wanted}"
    assert f"{asked}; else " in caught.value.action
    (line,) = registry.missing_archives([data_set], tmp_path / "tfds", tmp_path)
    assert asked in line


def test_what_lies_there_instead_is_told_up_to_twelve_names(tmp_path):
    def found():
        with pytest.raises(DataError, match="is missing") as caught:
            manual_dir.find_archive(registry.facts("viper"), tmp_path)
        return caught.value.found

    assert found() == "an empty folder"
    names = [f"{i:02}.txt" for i in range(13)]
    for name in names[:12]:
        (tmp_path / name).touch()
    assert found() == ", ".join(names[:12])
    (tmp_path / names[12]).touch()
    assert found() == ", ".join(names[:12]) + ", ..."


@pytest.mark.parametrize(
    ("data_set", "name"),
    [
        ("ilids", "iLIDS-VID.tar"),
        ("cuhk03", "cuhk03-np.zip"),
        ("cuhk03", "cuhk-03.mat"),
        ("cuhk02", "dataset.zip"),
        ("cuhk02", "dataset2.zip"),
        ("prid", "prid_2011.mat"),
        ("prid", "prid_2011.txt"),
        ("market1501", "Market1501_attribute.zip"),
        ("market1501", "Market1501_attribute"),
        ("market1501", "market.zip"),
        ("grid", "underground.zip"),
        ("viper", "viperfish.zip"),
        ("viper", f"viper_{'7' * 99}_pictures.zip"),
    ],
)
@pytest.mark.parametrize("is_folder", [True, False])
def test_what_only_begins_alike_is_not_taken_for_it(
    tmp_path, data_set, name, is_folder
):
    (tmp_path / name).mkdir() if is_folder else (tmp_path / name).touch()
    assert manual_dir.likely(registry.facts(data_set), tmp_path) == ""


def test_other_archives_are_not_taken_for_it(tmp_path):
    for name in ("prid_2011.zip", "photos.zip", "v.zip", "notes.txt", "m.zip"):
        (tmp_path / name).touch()
    for data_set in ("viper", "market1501", "cuhk_sysu"):
        assert manual_dir.likely(registry.facts(data_set), tmp_path) == ""
    assert manual_dir.likely(registry.facts("viper"), tmp_path / "none") == ""


_MINI = registry.facts("mini_imagenet")


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("miniImageNet.zip", True),
        ("Mini-ImageNet", True),
        ("miniImageNet--ravi.tar.gz", True),
        ("mini_imagenet_84.tgz", True),
        ("images.zip", True),
        ("mini_imagenet_ravi_splits.zip", False),
        ("mini_imagenet_csv", False),
        ("mini_imagenet.pkl", False),
        ("my_images.zip", False),
    ],
)
def test_names_by_pattern(tmp_path, name, taken):
    (tmp_path / name).touch()
    assert manual_dir.candidates(_MINI, tmp_path) == [tmp_path / name] * taken
    plain = dataclasses.replace(_MINI, archive_pattern="")
    assert manual_dir.candidates(plain, tmp_path) == []


def test_a_name_in_the_list_and_by_the_pattern_is_one_candidate(tmp_path):
    (tmp_path / "mini_imagenet.zip").touch()
    assert len(manual_dir.candidates(_MINI, tmp_path)) == 1
    (tmp_path / "mini-imagenet.zip").touch()
    with pytest.raises(DataError, match="2 candidates"):
        manual_dir.find_archive(_MINI, tmp_path)


def test_of_a_whole_and_a_subset_partial_takes_the_subset(tmp_path):
    def found(config):
        name = manual_dir.find_archive(_MINI, tmp_path, config).name
        assert (
            registry.missing_archives(
                ["mini_imagenet/" + config], tmp_path / "tfds", tmp_path
            )
            == []
        )
        return name

    (tmp_path / "mini_imagenet_60.zip").touch()
    assert found("complete") == found("partial") == "mini_imagenet_60.zip"
    (tmp_path / "miniImagenet.zip").touch()
    assert found("complete") == "miniImagenet.zip"
    assert found("partial") == "mini_imagenet_60.zip"
    os.remove(tmp_path / "mini_imagenet_60.zip")
    assert found("complete") == found("partial") == "miniImagenet.zip"


def test_the_manual_directory_itself_may_be_the_data_set(tmp_path):
    assert manual_dir.candidates(_MINI, tmp_path) == []
    (tmp_path / "images").mkdir()
    assert manual_dir.candidates(_MINI, tmp_path) == [tmp_path]
    (tmp_path / "mini_imagenet_60.zip").touch()
    assert manual_dir.find_archive(_MINI, tmp_path) == tmp_path
    (tmp_path / "mini_imagenet").mkdir()
    assert manual_dir.find_archive(_MINI, tmp_path) == tmp_path / "mini_imagenet"
