"""Whether what a search found is all."""

import numpy as np
import pytest

from dimn_tf.gallery import filters
from dimn_tf.service import ranking


class _Listed:
    """A gallery of 30 entries that looks at so many of them, or at all."""

    def __init__(self, largest_k, found, filters_all):
        self.largest_k, self._found = largest_k, found
        self.filters_all = filters_all

    def __len__(self):
        return 30

    def search(self, features, k, one_per_person, wanted):
        return [range(min(k, self._found))] * len(features)


@pytest.mark.parametrize(
    ("largest_k", "found", "filters_all", "one_per_person", "wanted", "expected"),
    [
        (None, 2, True, True, filters.Filter(), False),  # It has looked at all.
        (29, 2, True, True, filters.Filter(), False),  # Likewise, of all that count.
        (29, 2, False, True, None, True),
        (29, 2, False, False, filters.Filter(), True),
        (29, 2, False, False, None, False),
        (29, 9, False, True, None, False),  # There are as many as were asked for.
        (30, 2, False, True, None, False),
    ],
)
def test_whether_there_may_be_more_is_told(
    largest_k, found, filters_all, one_per_person, wanted, expected
):
    gallery = _Listed(largest_k, found, filters_all)
    rows = ranking.ranked(gallery, np.ones((2, 8)), 5, one_per_person, wanted)
    assert [row.limited for row in rows] == [expected] * 2
    assert all(len(row.hits) == min(found, 5) for row in rows)
