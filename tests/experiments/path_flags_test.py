"""Places in flags."""

import pytest

from dimn_tf import errors
from experiments import path_flags


def test_a_home_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    assert path_flags.expanded("~/a b[1]") == "/home/ann/a b[1]"
    assert path_flags.expanded("./~/x") == "./~/x"
    assert path_flags.expanded("milvus:http://h#people") == "milvus:http://h#people"


@pytest.mark.parametrize("text", ["", " ", "~nobody-of-this-name/x"])
def test_what_is_no_place_is_refused(text):
    with pytest.raises(errors.UserError, match="expected a path"):
        path_flags.expanded(text)


def test_a_place_in_a_reference_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ann")
    expected = {
        "reid_folder:crops?camera=^(\\d)_": f"reid_folder:{tmp_path}/crops"
        "?camera=^(\\d)_",
        "reid_folder:~/crops": "reid_folder:/home/ann/crops",
        "reid_folder:/a,b": "reid_folder:/a,b",
        "reid_folder:": "reid_folder:",
        "viper": "viper",
        "cuhk02/partial": "cuhk02/partial",
    }
    for text, wanted in expected.items():
        assert path_flags.expanded_reference(text) == wanted
