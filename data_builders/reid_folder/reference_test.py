"""Tests of how a user's own data is named."""

import pytest

from data_builders.reid_folder import reference
from dimn_tf.errors import DataError


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
