"""Parts of a feature map: which rows each has, and their means."""

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.methods import stripes


def test_windows_are_stripes_where_the_parts_divide_the_rows():
    assert stripes.windows(24, 6) == [
        (0, 4),
        (4, 8),
        (8, 12),
        (12, 16),
        (16, 20),
        (20, 24),
    ]


def test_windows_overlap_as_the_official_codes_where_they_do_not():
    # 8 rows, 6 parts: windows of 8 - 5 = 3 rows, one row on each time.
    assert stripes.windows(8, 6) == [(0, 3), (1, 4), (2, 5), (3, 6), (4, 7), (5, 8)]
    assert stripes.windows(14, 6)[-1] == (10, 14)
    with pytest.raises(errors.UserError, match="--pcb_parts=6: .* has 4 rows"):
        stripes.windows(4, 6)


def test_means_are_over_all_places_of_a_part():
    maps = np.random.default_rng(0).normal(size=(2, 8, 3, 5))
    parts = stripes.windows(8, 6)
    found = stripes.means(maps.astype(np.float16), parts)
    assert found.shape == (2, 6, 5) and found.dtype == "float32"
    expected = [
        [maps[n, i : i + 3].reshape(-1, 5).mean(0) for i in range(6)] for n in range(2)
    ]
    np.testing.assert_allclose(found, expected, atol=2e-3)
