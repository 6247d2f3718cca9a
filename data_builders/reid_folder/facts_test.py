"""Tests of the numbers that a user's names get."""

import hashlib
import os

import pytest

from data_builders import dummy_images
from data_builders.reid_folder import facts


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["0007", "12", "0007"], {"0007": 7, "12": 12}),
        # 1 and 01 are two persons, who must not become one.
        (["1", "01", "5"], {"01": 1, "1": 2, "5": 3}),
        (["1", "5"], {"1": 1, "5": 5}),
        (["b", "a", "3"], {"3": 1, "a": 2, "b": 3}),
        # 0 stands for "no camera" and for strangers elsewhere.
        (["0", "1"], {"0": 1, "1": 2}),
        # Of cameras the lowest is the probe's: 2 comes before 10.
        (["10", "2", "0", "1", "11"], {"0": 1, "1": 2, "2": 3, "10": 4, "11": 5}),
        (["10", "1", "2", "01"], {"01": 1, "1": 2, "2": 3, "10": 4}),
        (["00", "9" * 5_000, "0", "9"], {"0": 1, "00": 2, "9": 3, "9" * 5_000: 4}),
        # Names among them: by text.
        (["10", "2", "a"], {"10": 1, "2": 2, "a": 3}),
    ],
)
def test_numbers_of_names(names, numbers):
    assert facts.numbers_of(names) == numbers


@pytest.mark.parametrize(
    ("place", "start"),
    [
        ("my crops, 2", "my_crops_2-"),
        ("Zürich", "Z_rich-"),
        ("人物", "data-"),
        ("x" * 99, "x" * 60 + "-"),
    ],
)
def test_a_config_is_called_after_its_place_and_listing(tmp_path, place, start):
    dummy_images.write(tmp_path / place, ["ann/1.png", "bo/1.png"])
    known = facts.facts_of(str(tmp_path / place))
    assert known.default_config.startswith(start)
    assert len(known.default_config) == len(start) + 12
    assert known.title == f"own data, {place}"
    assert known.training_splits == ("images",)
    dummy_images.write(tmp_path / place, ["bo/2.png"])
    changed = facts.facts_of(str(tmp_path / place)).default_config
    assert changed.startswith(start) and changed != known.default_config


@pytest.mark.parametrize(
    ("cameras", "same"),
    [
        (["1", "2", "10"], True),  # As they are.
        (["0", "1", "2"], True),
        (["b", "10", "2"], True),
        (["01", "1", "2"], True),
        (["0", "2", "10"], False),
        (["1", "01", "2", "10"], False),
    ],
)
def test_records_that_were_counted_in_another_order_are_not_taken(
    tmp_path, cameras, same
):
    """Version 1.0.0 once counted 0, 10, 2: such records alone are built anew."""
    names = [f"{person}/{x}_1.png" for person in ("ann", "bo") for x in cameras]
    dummy_images.write(tmp_path / "crops", names)
    pattern = "^(.+)_"
    digest = hashlib.sha256(pattern.encode())
    for name in sorted(names):
        person, camera = name.split("/")[0], name.split("/")[1].split("_")[0]
        state = os.stat(tmp_path / "crops" / name)
        states = str(state.st_size), str(state.st_mtime_ns)
        row = (name, person, camera, "images", *states)
        digest.update("\0".join(row).encode() + b"\n")
    found = facts.facts_of(f"{tmp_path}/crops?camera={pattern}").default_config
    assert (found == f"crops-{digest.hexdigest()[:12]}") == same
