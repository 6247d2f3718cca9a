"""Tests of what splits are for."""

import pytest

from data_builders.reid_folder import splits


@pytest.mark.parametrize(
    ("split", "there", "use"),
    [
        ("train", ["train", "val"], "trained on"),
        ("val", ["train", "val"], "not used: only `train` is trained on where there"),
        ("val", ["val", "probe", "gallery"], "trained on"),
        ("probe", ["probe", "gallery"], "ranked"),
        ("gallery", ["probe", "gallery"], "ranked"),
        ("probe", ["probe", "x"], "not used: there is no split 'gallery'"),
        ("gallery", ["gallery", "x"], "not used: there is no split 'probe'"),
    ],
)
def test_each_splits_use_is_told(split, there, use):
    split = "".join(list(split))  # A word as it comes out of a file.
    assert splits.use_of(split, there).startswith(use)
