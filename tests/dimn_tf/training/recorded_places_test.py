"""Where a run's files are, recorded and found again."""

import os

import pytest

from dimn_tf import errors
from dimn_tf.training import recorded_places


@pytest.mark.parametrize("weights", ["none", "imagenet"])
def test_round_trip_from_any_folder(tmp_path, monkeypatch, weights):
    path = tmp_path / "places.json"
    monkeypatch.chdir(tmp_path)
    recorded_places.remember(path, ["viper", "prid"], "data", "archives/", weights)
    expected = {
        "targets": ["viper", "prid"],
        "data_dir": str(tmp_path / "data"),
        "manual_dir": str(tmp_path / "archives"),
        "encoder_weights": weights,
    }
    monkeypatch.chdir(os.sep)
    assert recorded_places.recall(path) == expected


def test_a_file_of_weights_is_found_from_any_folder(tmp_path, monkeypatch):
    path = tmp_path / "places.json"
    monkeypatch.chdir(tmp_path)
    recorded_places.remember(path, [], "d", "m", "w.h5")
    assert recorded_places.recall(path)["encoder_weights"] == str(tmp_path / "w.h5")


def test_nothing_recorded_is_nothing(tmp_path):
    assert recorded_places.recall(tmp_path / "places.json") == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1]",
        b"\xff",
        b'{"targets": "viper"}',
        b'{"targets": [1]}',
        b'{"data_dir": 7}',
    ],
)
def test_a_damaged_record_is_named(tmp_path, content):
    path = tmp_path / "places.json"
    path.write_bytes(content)
    with pytest.raises(errors.DataError) as caught:
        recorded_places.recall(path)
    assert caught.value.path == str(path) and "--data_dir" in caught.value.action


def test_json_nested_beyond_reading_is_named(tmp_path):
    path = tmp_path / "places.json"
    path.write_text("[" * 100_000)
    with pytest.raises(errors.DataError, match="does not say where the run's files"):
        recorded_places.recall(path)
