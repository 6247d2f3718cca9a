"""What folds must be, by hand."""

import pytest

from data_builders.grid import folds
from dimn_tf.errors import DataError

_GOOD = [[1, 2, 3]] * 10


def _fault(given, fold_persons=3, persons=range(1, 6)):
    with pytest.raises(DataError) as caught:
        folds.check_folds(given, persons, "grid.zip", fold_persons)
    assert caught.value.path.endswith("grid.zip")
    return caught.value


def test_ten_folds_of_known_persons_are_right():
    folds.check_folds(_GOOD, range(1, 6), "grid.zip", 3)
    folds.check_folds([[1], *_GOOD[1:]], range(1, 6), "grid.zip", None)


@pytest.mark.parametrize("count", [0, 9, 11])
def test_another_number_of_folds(count):
    fault = _fault(([[1, 2, 3]] * 11)[:count])
    assert (fault.found, fault.expected) == (f"{count} folds", "10 folds")


@pytest.mark.parametrize(
    ("fold", "found"),
    [
        ([1, 2], "2 persons, 2 different ones, 0 without a probe image []"),
        ([1, 2, 3, 4], "4 persons, 4 different ones, 0 without a probe image []"),
        ([1, 2, 2], "3 persons, 2 different ones, 0 without a probe image []"),
        ([1, 9, 8], "3 persons, 3 different ones, 2 without a probe image [8, 9]"),
    ],
)
@pytest.mark.parametrize("number", [1, 7, 10])
def test_a_fold_that_does_not_fit_is_named(fold, found, number):
    given = [*_GOOD[: number - 1], fold, *_GOOD[number:]]
    fault = _fault(given)
    assert fault.problem.startswith(f"grid: fold {number} of ")
    assert fault.found == found
    assert fault.expected == "3 different persons with probe images"


def test_of_many_strangers_five_are_named():
    fault = _fault([[20, *range(9, 16)], *_GOOD[1:]], None)
    assert fault.found.endswith("8 without a probe image [9, 10, 11, 12, 13]")
    assert fault.expected == "8 different persons with probe images"
