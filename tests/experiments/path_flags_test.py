"""Places in flags."""

import pytest

from dimn_tf import errors
from experiments import path_flags
from tests.experiments import launcher


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


@pytest.mark.parametrize("command", ["train", "compare", "fewshot"])
def test_a_work_directory_that_is_no_text_is_refused_before_any_work(command, tmp_path):
    """TensorFlow could not write to it, which it told once the data sets were built."""
    error = launcher.launch(
        command,
        f"--workdir={tmp_path}/caf\udce9/run",  # As os.fsdecode has it.
        f"--manual_dir={tmp_path}",
        f"--data_dir={tmp_path}/tfds",
        *([f"--results_dir={tmp_path}/results"] if command == "compare" else []),
        code=1,
    )
    (line,) = [line for line in error.splitlines() if line.startswith("error: ")]
    place = f"--workdir={tmp_path}/caf\\udce9/run"
    assert line.startswith(f"error: {place}: its name is no UTF-8")
    assert not list(tmp_path.iterdir())
