import json
import os

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.data import holdout


def _draw(records, count, seed=0):
    return holdout.draw(records, np.arange(len(records)), count, seed)


@pytest.fixture
def forty(made_up_records):
    """40 persons: 0-9 in two cameras, 10-19 two images of one, 20-39 single."""
    persons = [p for p in range(20) for _ in range(2)] + list(range(20, 40))
    cameras = [i % 2 if p < 10 else 0 for i, p in enumerate(persons)]
    return made_up_records("forty", persons, camera_ids=cameras)


def test_the_draw_depends_on_the_seed_alone(forty):
    assert _draw(forty, 6, seed=1) == _draw(forty, 6, seed=1)
    assert len({tuple(_draw(forty, 6, seed=seed)) for seed in range(10)}) > 5


def test_a_seed_draws_the_same_in_every_version(forty):
    """Runs that were made before go on with the people that they set aside."""
    assert _draw(forty, 6, seed=1) == [0, 3, 4, 5, 6, 8]
    assert _draw(forty, 15, seed=2) == [*range(11), 12, 14, 18, 19]


def test_a_source_in_a_folder_of_any_name_has_a_draw(made_up_records):
    persons = np.repeat(np.arange(30), 2)
    known = made_up_records("reid_folder:/caf\xe9", persons)
    assert _draw(known, 6, seed=1) == [9, 10, 15, 19, 25, 28]  # As in every version.
    other = made_up_records("reid_folder:/caf\udce9", persons)  # As os.fsdecode.
    assert len(_draw(other, 6, seed=1)) == 6


def test_more_images_than_two_will_do_too(made_up_records):
    records = made_up_records("a", [1, 2, 3, 4, 4, 4])
    assert all(_draw(records, 1, seed) == [4] for seed in range(9))


def test_two_cameras_come_first_and_two_images_fill_up(forty):
    for seed in range(10):
        assert set(_draw(forty, 10, seed)) == set(range(10))
        filled = set(_draw(forty, 15, seed))
        assert set(range(10)) < filled <= set(range(20))


def test_every_person_with_two_cameras_can_be_drawn(forty):
    drawn = {person for seed in range(40) for person in _draw(forty, 3, seed)}
    assert drawn == set(range(10))


def test_single_images_are_never_drawn(forty):
    with pytest.raises(errors.UserError) as caught:
        _draw(forty, 21)
    assert "forty: --holdout_identities=21" in str(caught.value)
    assert "40 identities, 20 of them with two images" in str(caught.value)


def test_something_must_be_left_to_train_on(made_up_records):
    records = made_up_records("a", [1, 1, 2, 2])
    assert len(_draw(records, 1)) == 1
    with pytest.raises(errors.UserError, match="leaves nothing to train on"):
        _draw(records, 2)


def test_only_the_indices_given_count(forty):
    indices = np.flatnonzero(forty.person_ids < 5)
    assert set(holdout.draw(forty, indices, 4, seed=0)) <= set(range(5))


def test_negative_number_is_refused(forty):
    with pytest.raises(errors.UserError, match="--holdout_identities=-1"):
        _draw(forty, -1)


def test_each_source_has_a_draw_of_its_own(made_up_records):
    persons = np.repeat(np.arange(30), 2)
    first, second = (made_up_records(name, persons) for name in "ab")
    assert _draw(first, 8) != _draw(second, 8)


def test_what_is_saved_is_loaded(tmp_path):
    path = tmp_path / "new" / "holdout.json"
    holdout.save(path, {"a/partial": np.array([3, 1]), "b": []})
    assert holdout.load(path) == {"a/partial": [3, 1], "b": []}
    assert os.listdir(path.parent) == ["holdout.json"]


def test_a_failed_write_leaves_the_old_record(tmp_path, monkeypatch):
    path = tmp_path / "holdout.json"
    holdout.save(path, {"a": [1]})

    def full_disk(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full_disk)
    with pytest.raises(OSError, match="no space"):
        holdout.save(path, {"a": [2]})
    assert json.loads(path.read_text()) == {"a": [1]}
    assert os.listdir(tmp_path) == ["holdout.json"]


def test_missing_record_is_named(tmp_path):
    with pytest.raises(errors.UserError, match="holdout.json: found no such file"):
        holdout.load(tmp_path / "holdout.json")


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"a": 1}', '{"a": ["1"]}', '{"a": [true]}', '{"a": [1.5]}']
)
def test_record_of_another_form_is_refused(tmp_path, text):
    path = tmp_path / "holdout.json"
    path.write_text(text)
    with pytest.raises(errors.UserError, match=r"holdout.json: found .* expected JSON"):
        holdout.load(path)
