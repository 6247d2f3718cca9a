"""Tests of finding an archive that is there under another name."""

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
        ("grid", "underground.zip", "underground_reid.zip"),
        ("grid", "underground - Copy", "underground_reid"),
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


def test_other_archives_are_not_taken_for_it(tmp_path):
    for name in ("prid_2011.zip", "photos.zip", "v.zip", "notes.txt", "m.zip"):
        (tmp_path / name).touch()
    for data_set in ("viper", "market1501", "cuhk_sysu"):
        assert manual_dir.likely(registry.facts(data_set), tmp_path) == ""
    assert manual_dir.likely(registry.facts("viper"), tmp_path / "none") == ""
