"""A model's identity is the hash of the files that were restored, or there is none."""

import hashlib

import pytest

from dimn_tf import errors
from dimn_tf.export import identity

NAMES = ("ckpt-4.data-00000-of-00001", "ckpt-4.index")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "runs [lr=1e-3] *?" / "checkpoints"
    folder.mkdir(parents=True)
    for step in (4, 40):
        for name in NAMES:
            name = name.replace("ckpt-4", f"ckpt-{step}")
            (folder / name).write_text(f"content of {name}")
    return folder


def test_the_hash_is_of_the_files_in_the_order_of_their_names(folder):
    seen = identity.seen(folder)
    content = "".join(f"content of {name}" for name in NAMES)
    expected = hashlib.sha256(content.encode()).hexdigest()
    assert identity.checkpoint_sha256(folder, 4, seen) == expected
    assert identity.checkpoint_sha256(folder, 40, seen) != expected


def _rotate(folder):
    for name in NAMES:
        (folder / name).unlink()


def _rewrite(folder):
    (folder / NAMES[0]).write_text(f"content of {NAMES[0]}")  # The same, later.


def _exchange(folder):
    new = folder / "new"
    new.write_text(f"content of {NAMES[1]}")
    new.replace(folder / NAMES[1])


def _lose(folder):
    (folder / NAMES[0]).unlink()


def _gain(folder):
    (folder / "ckpt-4.data-00001-of-00002").write_text("")


@pytest.mark.parametrize("change", [_rotate, _rewrite, _exchange, _lose, _gain])
def test_files_that_changed_while_the_model_was_restored_are_no_identity(
    folder, change
):
    seen = identity.seen(folder)
    change(folder)
    with pytest.raises(errors.UserError, match="ckpt-4 was restored.*still training"):
        identity.checkpoint_sha256(folder, 4, seen)


@pytest.mark.parametrize("step", [0, 5, 400])
def test_there_is_no_hash_of_nothing(folder, step):
    with pytest.raises(errors.UserError, match=f"ckpt-{step} was restored"):
        identity.checkpoint_sha256(folder, step, identity.seen(folder))
    assert identity.seen(folder / "none") == {}


def test_a_file_that_goes_while_it_is_looked_at_hides_no_other(folder, monkeypatch):
    files_of = identity.checkpoints.files_of

    def with_one_gone(directory, step):
        return [directory / f"ckpt-{step}.gone", *files_of(directory, step)]

    monkeypatch.setattr(identity.checkpoints, "files_of", with_one_gone)
    expected = {n.replace("ckpt-4", f"ckpt-{s}") for s in (4, 40) for n in NAMES}
    assert set(identity.seen(folder)) == expected


def test_a_file_that_goes_between_listing_and_reading_is_told(folder, monkeypatch):
    seen = identity.seen(folder)
    files_of = identity.checkpoints.files_of

    def late(directory, step):
        found = files_of(directory, step)
        _rotate(folder)
        return found

    monkeypatch.setattr(identity.checkpoints, "files_of", late)
    with pytest.raises(errors.UserError, match="ckpt-4 was restored"):
        identity.checkpoint_sha256(folder, 4, seen)
