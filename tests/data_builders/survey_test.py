"""A look at one archive: one word for a table, and each fault with what to do."""

import pytest

from data_builders import registry, survey
from data_builders.dukemtmc_reid import dummy_data as duke_data
from data_builders.viper import dummy_data as viper_data

_VIPER, _DUKE = (registry.facts(name) for name in ("viper", "dukemtmc_reid"))


def test_what_is_not_there(tmp_path):
    viper, duke = (survey.look(x, tmp_path) for x in ("viper", "dukemtmc_reid"))
    assert (viper.state, viper.stops) == ("not there", True)
    assert (duke.state, duke.stops) == ("not there (optional)", False)
    for name, found in (("viper", viper), ("dukemtmc_reid", duke)):
        assert (found.path, found.counts, found.row) == (None, None, None)
        lines = registry.missing_archives([name], tmp_path / "tfds", tmp_path)
        assert found.faults == tuple(lines) and len(lines) == 1
        assert found.facts is registry.facts(name)


def test_what_is_incomplete_says_where_the_whole_is(tmp_path):
    viper_data.write(tmp_path)
    found = survey.look("viper", tmp_path)
    assert (found.state, found.stops) == ("incomplete or wrong", True)
    assert found.path == tmp_path / "VIPeR" and found.counts.images == 6
    (fault,) = found.faults
    assert fault.startswith("viper: 3 of 632 images in cam_a; 3 of 632 images in cam_b")
    assert fault.endswith(
        f"; put the complete archive at {tmp_path}/VIPeR; "
        f"published at {_VIPER.homepage}"
    )
    duke_data.write(tmp_path)
    (fault,) = survey.look("dukemtmc_reid", tmp_path).faults
    assert fault.endswith(f"published at {_DUKE.homepage}. {_DUKE.remark}")


def test_what_is_as_known_is_complete(tmp_path, monkeypatch):
    viper_data.write(tmp_path)
    found = survey.look("viper", tmp_path)
    monkeypatch.setattr(survey.comparison, "compare", lambda reader, facts: [])
    whole = survey.look("viper", tmp_path)
    assert (whole.state, whole.stops, whole.faults) == ("complete", False, ())
    assert (whole.counts, whole.row) == (found.counts, found.row)


@pytest.mark.parametrize("name", ["viper", "dukemtmc_reid"])
def test_what_cannot_be_read_stops_the_benchmark(tmp_path, name):
    archive = tmp_path / registry.facts(name).archives[0]
    archive.write_bytes(b"text")
    found = survey.look(name, tmp_path)
    assert (found.state, found.stops) == ("unreadable", True)
    assert found.path == archive and found.counts is None
    assert "truncated" in found.faults[0]
