"""What folds must be, by hand."""

import pytest

from data_builders import archives
from data_builders.grid import dummy_data, folds
from dimn_tf.errors import DataError

_GOOD = [[1, 2, 3]] * 10


def _fault(given, fold_persons=3, persons=range(1, 6)):
    with pytest.raises(DataError) as caught:
        folds.check_folds(given, persons, "grid.zip", fold_persons)
    assert caught.value.path.endswith("grid.zip")
    return caught.value


_HALVES = [sorted({*range(1, 251)} - {*range(n, n + 125)}) for n in range(1, 11)]
_OTHERS = [[*range(n, n + 125)] for n in range(1, 11)]


@pytest.mark.parametrize("cells", [True, False])
@pytest.mark.parametrize(
    ("test", "train", "read"),
    [
        (_HALVES, _OTHERS, _HALVES),
        # Of what is no list of 125 persons, the training persons tell more.
        ([[*half, *half] for half in _HALVES], _OTHERS, _HALVES),
        ([[*half, 0] for half in _HALVES], _OTHERS, _HALVES),
        ([[1, 2], *_HALVES[1:]], _OTHERS, _HALVES),
        ([[1, 2], *_HALVES[1:]], [[3], *_OTHERS[1:]], [[1, 2], *_HALVES[1:]]),
        ([[1, 2], [3]], _OTHERS[:1], [_HALVES[0], [3]]),
        # Right lists stay as they are, whatever is said beside them.
        (_HALVES, _OTHERS[::-1], _HALVES),
    ],
)
def test_folds_of_cells_and_of_a_struct_array(tmp_path, cells, test, train, read):
    (tmp_path / "grid").mkdir()
    dummy_data.write_folds(tmp_path / "grid" / folds.FILE_NAME, test, train, cells)
    with archives.open_archive(tmp_path / "grid") as archive:
        assert folds.read_folds(archive, "grid/") == read


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
