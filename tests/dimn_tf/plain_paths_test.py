"""Folders under names that TensorFlow takes for names."""

import pytest

from dimn_tf import errors, plain_paths


def test_a_plain_folder_is_given_as_it_is(tmp_path):
    with plain_paths.plain(tmp_path) as folder:
        assert folder == tmp_path


@pytest.mark.parametrize("name", ["a[lr=1e-3]", "b*", "c?", "d\\e", "\udcff"])
def test_a_link_stands_for_any_other(tmp_path, name):
    place = tmp_path / name
    place.mkdir()
    with plain_paths.plain(place) as folder:
        assert plain_paths.is_plain(folder)
        (folder / "file").write_text("x")
    assert (place / "file").read_text() == "x"
    assert not folder.exists()


def test_no_plain_folder_for_temporary_files_is_told(tmp_path, monkeypatch):
    place = tmp_path / "a[1]"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    with pytest.raises(errors.UserError, match="Set TMPDIR"):
        with plain_paths.plain(place):
            pass
