import pathlib
from collections import defaultdict

import pytest

from tests.mutation import results

COMMITTED = (
    pathlib.Path(__file__).parents[2] / "experiments" / "results" / "mutation.json"
)


def _survivor(line, **more):
    return {"operator": "core/X", "line": line, "diff": "-a\n+b", **more}


def test_a_survivor_keeps_its_why_while_it_is_the_same(tmp_path):
    path = tmp_path / "mutation.json"
    entry = {"mutants": 3, "noticed": 1, "survivors": [_survivor(3)]}
    results.merge(path, "other.py", {**entry, "survivors": []})
    assert results.merge(path, "a.py", entry)["survivors"][0]["why"] == ""
    text = path.read_text().replace('"why": ""', '"why": "the same number"')
    path.write_text(text)
    moved = {**entry, "survivors": [_survivor(8), _survivor(9, diff="-a\n+c")]}
    found = results.merge(path, "a.py", moved)["survivors"]
    assert [one["why"] for one in found] == ["the same number", ""]
    assert set(results.read(path)) == {"a.py", "other.py"}


def test_the_share_counts_what_changes_behaviour():
    one = {"noticed": 18, "survivors": [_survivor(1, why=""), _survivor(2, why="x")]}
    assert results.share([one]) == pytest.approx(18 / 19)
    two = {"noticed": 1, "survivors": []}
    assert results.share([one, two]) == pytest.approx(19 / 20)
    assert results.share([]) == 1.0


def test_of_each_room_the_tests_notice_19_of_20_faults():
    rooms = defaultdict(list)
    for module, entry in results.read(COMMITTED).items():
        rooms[results.room(module)].append(entry)
        assert entry["noticed"] + len(entry["survivors"]) == entry["mutants"]
    assert rooms
    for room, entries in rooms.items():
        assert results.share(entries) >= results.LEAST_NOTICED, room
