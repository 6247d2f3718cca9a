"""What is written as JSON is JSON to every program."""

import json
import pathlib
import re

import pytest

from dimn_tf import standard_json

_ROOT = pathlib.Path(__file__).parents[2]


def test_values_come_back_and_a_line_ends_them():
    values = {"a": [1, 0.5, None], "ü": {}}
    text = standard_json.text(values)
    assert json.loads(text) == values and text.endswith("}\n")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_in_the_standard_is_refused(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        standard_json.text({"a": [value]})


def test_every_json_file_and_output_goes_through_it():
    """Other `dumps` make hashes, keys and texts of an error, which no program reads."""
    others = {
        "dimn_tf/data/holdout.py",  # Whole numbers.
        "dimn_tf/evaluation/results_files.py",
        "dimn_tf/gallery/entries.py",  # It refuses NaN by itself.
        "dimn_tf/standard_json.py",
        "dimn_tf/training/run.py",
        "dimn_tf/training/workdir.py",
    }
    found = {
        str(path.relative_to(_ROOT))
        for room in ("dimn_tf", "data_builders", "experiments")
        for path in (_ROOT / room).rglob("*.py")
        if "benchmarks" not in path.parts
        and re.search(r"json\.dumps?\(", path.read_text())
    }
    assert found == others
