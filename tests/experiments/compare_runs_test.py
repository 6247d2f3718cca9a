"""`compare_runs` replaces nothing that it reads."""

import json

import pytest

from tests.dimn_tf.comparison import made_up
from tests.experiments.launcher import launch

APS = {"viper": [0.5, 0.25, 0.75]}


@pytest.fixture
def runs(tmp_path):
    """The results of two runs, and --a and --b of them."""
    a, b = (made_up.run(tmp_path / name, APS).results for name in "ab")
    return a, b, (f"--a={a}", f"--b={b}", "--resamples=100")


def test_the_difference_goes_to_a_file_of_its_own(runs, tmp_path):
    *_, flags = runs
    output = tmp_path / "minus.json"
    launch("compare_runs", *flags, f"--output={output}")
    assert json.loads(output.read_text())["difference"] == 0


@pytest.mark.parametrize(
    "place", ["a/results.json", "b/results.json", "b/results_probes.csv", "link.json"]
)
def test_an_output_in_the_place_of_what_is_read_is_refused(place, runs, tmp_path):
    a, b, flags = runs
    (tmp_path / "link.json").symlink_to(a)
    before = {path: path.read_bytes() for path in tmp_path.glob("[ab]/*")}
    output = f"--output={tmp_path / place}"
    error = launch("compare_runs", *flags, output, code=1)
    which = "--b is read from" if place.startswith("b") else "--a is read from"
    assert error.startswith(f"error: {output}: it would replace ") and which in error
    assert {path: path.read_bytes() for path in tmp_path.glob("[ab]/*")} == before
