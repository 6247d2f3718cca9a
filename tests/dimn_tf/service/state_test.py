"""What a service keeps of entries, once these are gone."""

import random
import sqlite3

import pytest

from dimn_tf.gallery import gaps
from dimn_tf.service import state as state_lib


def _churned(folder, seed):
    """A state after 120 random changes, and the ids and pictures that are gone."""
    draw = random.Random(seed)
    state = state_lib.State(folder)
    there, gone = {}, []
    for _ in range(240):
        if draw.random() < 0.6 or len(there) < 3:
            name = f"/camera/{draw.randbytes(12).hex()}.jpg"
            there[name] = draw.randbytes(draw.randint(16, 300))
            state.put_picture(name, there[name])
            state.public_ids([name], lambda names: names)
            state.first_seen([name], "2026-11-30T00:00:00Z")
        elif draw.random() < 0.3:
            name = draw.choice(sorted(there))
            gone.append(there[name])
            there[name] = draw.randbytes(draw.randint(16, 300))
            state.put_picture(name, there[name])
        else:
            names = draw.sample(sorted(there), draw.randint(1, min(len(there), 4)))
            state.forget(names)
            for name in names:
                gone += [name.encode(), there.pop(name)]
    return state, gone


def _left(folder, gone):
    """How many of these contents have a piece in any file."""
    content = b"\0".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
    pieces = ([g[i : i + 16] for i in range(0, len(g) - 15, 16)] for g in gone)
    return sum(any(piece in content for piece in parts) for parts in pieces)


SEEDS = (51, 141)  # Of these SQLite (3.40 and 3.50) leaves something otherwise.


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_left_of_a_state_much_changed(tmp_path, seed):
    state, gone = _churned(tmp_path, seed)
    assert len(gone) > 50
    state.close()
    assert _left(tmp_path, gone) == 0


def test_without_rewriting_something_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(gaps, "AT_ONCE", 0)
    left = 0
    for seed in SEEDS:
        state, gone = _churned(tmp_path / str(seed), seed)
        left += _left(tmp_path / str(seed), gone)
        assert state.clear_gaps()
        assert _left(tmp_path / str(seed), gone) == 0
        state.close()
    if not left:
        pytest.skip(f"SQLite {sqlite3.sqlite_version} leaves no copies here")


def test_keeping_alone_needs_no_rewriting(tmp_path, monkeypatch):
    monkeypatch.setattr(gaps, "AT_ONCE", 0)
    state = state_lib.State(tmp_path)
    state.put_picture("a", b"picture")
    assert not state._file.erasures()
    state.put_picture("a", b"another")
    assert state._file.erasures() == 1
    assert not state.clear_gaps(at_most=100)
    assert state.clear_gaps() and not state._file.erasures()
    assert state.picture("a") == b"another"
    state.close()


def test_a_mask_tells_nothing_of_its_path(tmp_path):
    name = "/camera/anna.jpg"
    masks = set()
    for folder in ("a", "b"):
        state = state_lib.State(tmp_path / folder)
        masks.add(state.public_ids([name], lambda names: names)[name])
        masks.add(state.public_ids([name], lambda names: names)[name])
        state.close()
    assert len(masks) == 2


def test_masks_of_an_older_file_stay_and_are_forgotten(tmp_path):
    names = ["/camera/anna.jpg", "/camera/bo.jpg"]
    state_lib.State(tmp_path).close()
    with sqlite3.connect(tmp_path / state_lib.FILE) as older:
        older.execute("DROP INDEX aliases_by_entry")
        older.executemany(
            "INSERT INTO aliases VALUES (?, ?)",
            [(f"entry-{i}", name) for i, name in enumerate(names)],
        )
    older.close()
    state = state_lib.State(tmp_path)
    found = state.public_ids(names, lambda there: there)
    assert found == {names[0]: "entry-0", names[1]: "entry-1"}
    assert state.forget(names[:1]) == {names[0]}
    assert state.kept_of(names) == {names[1]}
    assert state.private_id("entry-0") == "entry-0"
    assert state.private_id("entry-1") == names[1]
    assert _plan_uses_the_index(state)
    state.close()


def _plan_uses_the_index(state):
    plan = state._file.read(
        "EXPLAIN QUERY PLAN SELECT alias FROM aliases WHERE entry_id = 'e'"
    )
    return "aliases_by_entry" in plan[0][-1]
