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
        "dimn_tf/evaluation/protocols/trial_text.py",  # For a hash.
        "dimn_tf/evaluation/results_files.py",
        "dimn_tf/gallery/beam_enrolment.py",  # Lines between machines.
        "dimn_tf/gallery/entries.py",  # It refuses NaN by itself.
        "dimn_tf/service/audit.py",  # A line each; it refuses NaN by itself.
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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_an_object_is_read_in_what_editors_save(tmp_path, encoding):
    path = tmp_path / "a.json"
    path.write_text('{"ü": [1]}', encoding=encoding)
    assert standard_json.read_object(path) == {"ü": [1]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expecting value"),
        (b'{"a": ', "Expecting value"),
        (b"[1]", "a JSON list, not an object"),
        (b"null", "a JSON NoneType, not an object"),
        (b"\xff{}", "decode"),
        (b"[" * 200_000, "nested too deep"),
    ],
)
def test_what_is_no_object_is_told(tmp_path, content, said):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        standard_json.read_object(path)
