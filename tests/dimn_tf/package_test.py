"""`import dimn_tf`: light, with the names that a program needs."""

import subprocess
import sys

import pytest

import dimn_tf

_LIGHT = """
import sys
before = set(sys.modules)
import dimn_tf
heavy = {"numpy", "PIL", "tensorflow", "tensorflow_datasets", "matplotlib", "keras"}
print(sorted(heavy & (set(sys.modules) - before)))
dir(dimn_tf), dimn_tf.UserError
print(sorted(heavy & (set(sys.modules) - before)))
dimn_tf.evaluate_ranking, dimn_tf.Gallery, dimn_tf.Entry, dimn_tf.open_gallery
print(sorted(heavy & (set(sys.modules) - before)))
dimn_tf.load
print(sorted({"tensorflow_datasets", "data_builders"} & set(sys.modules)))
"""


def test_nothing_is_imported_before_it_is_used():
    done = subprocess.run(
        [sys.executable, "-c", _LIGHT], capture_output=True, text=True, check=True
    )
    first, second, third, fourth = done.stdout.splitlines()
    assert first == second == fourth == "[]"
    assert third == "['numpy']"


def test_every_name_is_there_and_listed():
    assert set(dimn_tf.__all__) == set(dimn_tf._PLACES)
    for name in dimn_tf.__all__:
        found = getattr(dimn_tf, name)
        assert found.__name__ == name and name in dir(dimn_tf)
    with pytest.raises(AttributeError, match="'dimn_tf' has no attribute 'lode'"):
        dimn_tf.lode  # noqa: B018
