"""Files are written whole or not at all."""

import pytest

from dimn_tf import errors, files


def test_takes_the_place_at_the_end(tmp_path):
    path = tmp_path / "new" / "deep" / "x.json"
    with files.replacing(path) as partial:
        partial.write_text("whole")
        assert partial.suffix == ".json" and partial.parent == path.parent
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        with files.replacing(path) as partial:
            partial.write_text("half")
            1 / 0  # noqa: B018
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_one_holds_a_lock_and_gives_it_back_however_it_ends(tmp_path):
    lock = tmp_path / "lock"
    with pytest.raises(ZeroDivisionError):
        with files.exclusive(lock, "it is held"):
            with pytest.raises(errors.UserError, match="^it is held$"):
                with files.exclusive(lock, "it is held"):
                    pytest.fail("two hold it")
            raise ZeroDivisionError
    with files.exclusive(lock, "it is held"):
        pass
