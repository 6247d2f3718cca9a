"""What may enter a gallery: each fault is named with whose it is."""

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.gallery import entries


def test_good_vectors_become_float32_rows():
    for given in ([[1, 2], [3, -4]], np.array([[1.0, 2.0], [3.0, -4.0]], np.float16)):
        found = entries.checked_vectors(given, 2, ["a", "b"], "vectors")
        assert found.dtype == np.float32 and found.flags.c_contiguous
        np.testing.assert_array_equal(found, [[1, 2], [3, -4]])
    columns = np.arange(1.0, 7.0).reshape(2, 3).T  # Not contiguous.
    found = entries.checked_vectors(columns, 2, "abc", "vectors")
    np.testing.assert_array_equal(found, [[1, 4], [2, 5], [3, 6]])


@pytest.mark.parametrize(
    "given",
    [np.ones(2), np.ones((1, 2, 2)), np.ones((1, 3)), np.ones((1, 2), complex),
     np.ones((1, 2), bool), np.array([["a", "b"]])],
)  # fmt: skip
def test_other_shapes_and_kinds_are_told(given):
    with pytest.raises(errors.UserError, match=r"probes have shape .*\[n, 2\]") as told:
        entries.checked_vectors(given, 2, ["a"], "probes")
    assert str(given.shape) in str(told.value) and str(given.dtype) in str(told.value)


def test_the_first_five_of_many_bad_vectors_are_named():
    vectors = np.ones((9, 2))
    vectors[1:8, 1] = np.nan
    names = [f"e{i}" for i in range(9)]
    with pytest.raises(errors.UserError) as told:
        entries.checked_vectors(vectors, 2, names, "vectors")
    assert str(told.value).startswith(
        "7 of 9 vectors are not finite (NaN or infinite): "
        "'e1', 'e2', 'e3', 'e4', 'e5' and 2 more."
    )
    vectors[1:3] = 0.0
    vectors[3:] = 1.0
    with pytest.raises(errors.UserError, match="2 of 9 .* zero.*: 'e1', 'e2'\\. "):
        entries.checked_vectors(vectors, 2, names, "vectors")
    vectors[1:3, 0] = -1e-30  # Small, and like something.
    entries.checked_vectors(vectors, 2, names, "vectors")


def test_five_names_are_all_and_six_are_one_more():
    with pytest.raises(errors.UserError, match="^5 are odd: .*'e'\\. Mend them$"):
        entries.refuse_names(list("abcde"), "are odd", "Mend them")
    with pytest.raises(errors.UserError, match="^6 are odd: .*'e' and 1 more\\. Mend"):
        entries.refuse_names(list("abcdef"), "are odd", "Mend them")
    entries.refuse_names([], "are odd", "Mend them")


@pytest.mark.parametrize("name", ["", "caf\udce9", None, 3, b"bytes"])
def test_what_is_no_text_is_told(name):
    with pytest.raises(errors.UserError, match="must be text") as told:
        entries.refuse_no_text(["fine", name])
    assert ascii(name) in str(told.value)
    entries.refuse_no_text(["fine", "日本", " "])


def test_metadata_are_kept_as_they_are_or_refused():
    def text(**metadata):
        return entries.metadata_text(entries.Entry("e1", np.ones(2), None, metadata))

    assert text(name="café", n=[1, None]) == '{"name": "café", "n": [1, null]}'
    for bad in (float("nan"), {1, 2}, "caf\udce9"):
        with pytest.raises(errors.UserError, match="entry 'e1': its metadata"):
            text(x=bad)
    assert entries.Entry("e1", np.ones(2)).metadata == {}
