"""Tests of the numbers that a user's names get."""

import pytest

from data_builders import dummy_images
from data_builders.reid_folder import facts


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["0007", "12", "0007"], {"0007": 7, "12": 12}),
        # 1 and 01 are two persons, who must not become one.
        (["1", "01", "5"], {"01": 1, "1": 2, "5": 3}),
        (["1", "5"], {"1": 1, "5": 5}),
        (["b", "a", "3"], {"3": 1, "a": 2, "b": 3}),
        # 0 stands for "no camera" and for strangers elsewhere.
        (["0", "1"], {"0": 1, "1": 2}),
    ],
)
def test_numbers_of_names(names, numbers):
    assert facts.numbers_of(names) == numbers


@pytest.mark.parametrize(
    ("place", "start"),
    [
        ("my crops, 2", "my_crops_2-"),
        ("Zürich", "Z_rich-"),
        ("人物", "data-"),
        ("x" * 99, "x" * 60 + "-"),
    ],
)
def test_a_config_is_called_after_its_place_and_listing(tmp_path, place, start):
    dummy_images.write(tmp_path / place, ["ann/1.png", "bo/1.png"])
    known = facts.facts_of(str(tmp_path / place))
    assert known.default_config.startswith(start)
    assert len(known.default_config) == len(start) + 12
    assert known.title == f"own data, {place}"
    assert known.training_splits == ("images",)
    dummy_images.write(tmp_path / place, ["bo/2.png"])
    changed = facts.facts_of(str(tmp_path / place)).default_config
    assert changed.startswith(start) and changed != known.default_config
