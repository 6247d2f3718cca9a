"""The launchers in the test's process: exit status, messages, files."""

import json

import pytest

from dimn_tf.training import recipe
from tests.dimn_tf.fewshot import made_up as fewshot
from tests.experiments import launcher


def test_missing_archives_end_the_benchmark_at_once(tmp_path):
    process = launcher.run(
        "train",
        "--flagfile=dg.flags",
        f"--manual_dir={tmp_path}",
        f"--data_dir={tmp_path / 'tfds'}",
        f"--workdir={tmp_path / 'run'}",
    )
    assert process.returncode == 1
    lines = process.stderr.splitlines()
    lines = lines[lines.index(next(x for x in lines if x.startswith("error: "))) :]
    assert lines[0].startswith("error: 9 of 9 data sets")
    assert len(lines) == 10
    for name in (
        "cuhk02",
        "cuhk03",
        "dukemtmc_reid",
        "market1501",
        "cuhk_sysu",
        "viper",
        "prid",
        "grid",
        "ilids",
    ):
        (line,) = [line for line in lines if line.strip().startswith(f"{name}:")]
        assert str(tmp_path) in line
    duke = next(line for line in lines if "dukemtmc_reid:" in line)
    assert "dg_without_duke.flags" in duke
    assert "Traceback" not in process.stderr
    assert not (tmp_path / "run").exists() and not (tmp_path / "tfds").exists()


def _refused_before_any_work(launcher_name, folder, *given):
    """The line that a command ends with; it has made nothing in the folder."""
    error = launcher.launch(
        launcher_name,
        *given,
        f"--manual_dir={folder}",
        f"--data_dir={folder / 'tfds'}",
        f"--workdir={folder / 'run'}",
        code=1,
    )
    (line,) = [line for line in error.splitlines() if line.startswith("error: ")]
    assert not list(folder.iterdir())
    return line


@pytest.mark.parametrize("flag", ["sources", "targets"])
def test_a_data_set_of_classes_is_refused_at_once(flag, tmp_path):
    given = "--flagfile=dg.flags", f"--{flag}=mini_imagenet/partial"
    line = _refused_before_any_work("train", tmp_path, *given)
    assert line.startswith("error: mini_imagenet/partial: found a data set of classes")


@pytest.mark.parametrize("launcher_name", ["train", "evaluate"])
@pytest.mark.parametrize(
    "flag", ["gallery_images=-1", "evaluation_batch_size=0", "ranked_probes=-1"]
)
def test_an_evaluation_that_cannot_be_is_refused_before_any_work(
    launcher_name, flag, tmp_path
):
    line = _refused_before_any_work(launcher_name, tmp_path, f"--{flag}")
    assert line.startswith(f"error: --{flag}: expected at least ")


def test_evaluate_without_a_run_says_what_to_give(tmp_path):
    process = launcher.run("evaluate", f"--workdir={tmp_path}")
    assert process.returncode == 1
    assert f"--workdir={tmp_path}: no run here" in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize("command", ["evaluate", "export"])
@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: fewshot.recipe_of("dimn"), "--dataset: there is no such flag"),
        (lambda: fewshot.recipe_of("maml"), "--method=maml: no such method"),
        (lambda: recipe.from_values({"method": "dimn"}), "--an_older_flag: there is"),
    ],
)
def test_a_record_with_unknown_flags_is_told_with_its_file(
    command, made, told, tmp_path
):
    values = made().recorded()
    if "older" in told:
        values["an_older_flag"] = 3
    (tmp_path / "config.json").write_text(json.dumps(values))
    places = [f"--workdir={tmp_path}"]
    if command == "export":
        places.append(f"--export_dir={tmp_path / 'export'}")
    error = launcher.launch(command, *places, code=1)
    assert error.startswith(f"error: {tmp_path / 'config.json'}: {told}")
    assert "experiments.fewshot" in error


def test_unknown_arguments_are_refused(tmp_path):
    process = launcher.run("evaluate", f"--workdir={tmp_path}", "viper")
    assert process.returncode != 0
    assert "unknown arguments: viper" in process.stdout + process.stderr


@pytest.mark.parametrize("output", ["eval.trained", "results", "apart/results.jsn"])
def test_an_output_that_is_no_json_is_refused_before_the_run_is_looked_at(
    output, tmp_path
):
    told = launcher.launch(
        "evaluate", f"--workdir={tmp_path}", f"--output={output}", code=1
    )
    (line,) = [line for line in told.splitlines() if line.startswith("error: ")]
    assert line.startswith(f"error: --output={output}: found ")
    assert "expected .json" in line and not list(tmp_path.iterdir())
