"""Tests of the command that looks at the archives."""

import pytest

from data_builders import survey
from data_builders.grid import dummy_data as grid_data
from data_builders.ilids import dummy_data as ilids_data
from data_builders.market1501 import dummy_data as market_data
from data_builders.prid import dummy_data as prid_data
from data_builders.viper import dummy_data as viper_data
from tests.experiments import launcher


def _run(manual_dir):
    return launcher.run("dataset_stats", f"--manual_dir={manual_dir}")


def test_nothing_there(tmp_path):
    run = _run(tmp_path)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "8 of 9 archives" in run.stderr  # Duke is optional
    for name in ("CUHK02.zip", "CUHK-SYSU.zip", "i-LIDS_Pedestrian.tgz"):
        assert f"{tmp_path}/{name}" in run.stderr
    assert "published at http://www.ee.cuhk.edu.hk" in run.stderr
    assert "dg_without_duke.flags" in run.stdout
    assert "18,530  121,765" in run.stdout


def test_survey_of_made_up_archives(tmp_path):
    """By hand: dummy GRID folds test 2 of 4 persons; 2 distractors, 6 in gallery."""
    for module in (viper_data, prid_data, grid_data, ilids_data, market_data):
        module.write(tmp_path)
    rows = {}
    for name in ("viper", "prid", "grid", "ilids"):
        found = survey.look(name, tmp_path)
        assert found.state == "incomplete or wrong"
        assert found.stops
        row = found.row
        rows[name] = (
            row.probe_identities,
            row.gallery_identities,
            row.probe_images,
            row.gallery_images,
        )
    # VIPeR: 3 pairs. PRID: 1 and 200 shared, 4 in camera B. i-LIDS: 3 persons.
    assert rows == {
        "viper": (1, 1, 1, 1),
        "prid": (1, 3, 1, 3),
        "grid": (2, 4, 2, 6),
        "ilids": (2, 2, 2, 2),
    }
    market = survey.look("market1501", tmp_path)
    assert (market.counts.identities, market.counts.images) == (4, 8)
    assert market.row is None
    assert "4 of 12,936 images in train" in market.faults[0]
    assert str(tmp_path / "Market-1501-v15.09.15") in market.faults[0]


@pytest.mark.parametrize(
    ("content", "told"), [(b"PK\x03\x04", "truncated"), (b"<html>", "a web page")]
)
def test_survey_of_what_cannot_be_read(content, told, tmp_path):
    (tmp_path / "VIPeR.v1.0.zip").write_bytes(content)
    found = survey.look("viper", tmp_path)
    assert (found.state, found.counts) == ("unreadable", None)
    assert told in found.faults[0]
    (tmp_path / "VIPeR").mkdir()
    found = survey.look("viper", tmp_path)
    assert found.stops
    assert "2 candidates" in found.faults[0]


def test_optional_archive_stops_only_when_it_is_wrong(tmp_path):
    assert not survey.look("dukemtmc_reid", tmp_path).stops
    (tmp_path / "DukeMTMC-reID").mkdir()
    assert survey.look("dukemtmc_reid", tmp_path).stops


@pytest.mark.parametrize("name", ["viper", "prid", "grid", "ilids"])
def test_real_targets_are_complete(shared_dir, name):
    found = survey.look(name, shared_dir / "reid_data")
    assert found.faults == ()
    assert found.row == found.facts.table_row


def test_real_archives_are_incomplete(shared_dir):
    run = _run(shared_dir / "reid_data")
    assert run.returncode == 1
    assert "2,565        24,997" in run.stdout
    assert "4 of 9 archives" in run.stderr
