"""Tests of the numbers that a user's names get."""

import pytest

from data_builders.reid_folder import facts


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["0007", "12", "0007"], {"0007": 7, "12": 12}),
        # 1 and 01 are two persons, who must not become one.
        (["1", "01", "5"], {"01": 1, "1": 2, "5": 3}),
        (["b", "a", "3"], {"3": 1, "a": 2, "b": 3}),
        # 0 stands for "no camera" and for strangers elsewhere.
        (["0", "1"], {"0": 1, "1": 2}),
    ],
)
def test_numbers_of_names(names, numbers):
    assert facts.numbers_of(names) == numbers
