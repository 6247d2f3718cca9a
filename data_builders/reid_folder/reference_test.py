"""Tests of how a user's own data is named."""

import pytest

from data_builders.reid_folder import reference
from dimn_tf.errors import DataError, UserError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no path"),
        ("x?camera=(", "missing"),
        ("x?camera=a", "has no group"),
        ("x.csv?camera=(a)", "column camera_id"),
    ],
)
def test_references_that_name_nothing(text, said):
    with pytest.raises(DataError, match="names no data set") as caught:
        reference.parse(text)
    assert said in str(caught.value)


def test_a_reference_is_an_absolute_place_and_its_pattern(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for text, path in (
        ("crops", tmp_path / "crops"),
        ("./a/../b", tmp_path / "b"),
        ("~/x", tmp_path / "home" / "x"),
    ):
        assert reference.parse(text) == reference.FolderReference(path)
    named = reference.parse(r"a?camera=^(\d+)_")
    assert (named.path, named.camera_pattern) == (tmp_path / "a", r"^(\d+)_")
    csv = {
        text: reference.parse(text).is_csv for text in ("a.csv", "A.CSV", "a.zip", "a")
    }
    assert csv == {"a.csv": True, "A.CSV": True, "a.zip": False, "a": False}


def test_the_flag_of_a_camera_pattern_is_checked_where_it_is_given():
    reference.check_camera_pattern("", person_folders=False)
    reference.check_camera_pattern("", person_folders=True)
    reference.check_camera_pattern("^(.)", person_folders=True)
    for pattern, person_folders, said in (
        ("^(.)", False, r"--camera_pattern='\^\(.\)' without --person_folders"),
        ("(", True, r"--camera_pattern='\(', which is no regular expression"),
        ("(", False, "no regular expression"),
        ("a", True, "which has no group; expected a regular expression"),
    ):
        with pytest.raises(UserError, match=said):
            reference.check_camera_pattern(pattern, person_folders)
