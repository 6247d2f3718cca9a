"""The end of the demo: three rankings, pictures, and the command that serves them."""

import json
import os
import shlex

import pytest

from tests.experiments.launcher import ROOT, launch

TARGET = "synthetic_reid/night_market"


@pytest.fixture
def demo(tmp_path):
    """A work directory as the demo leaves it, with made-up figures."""
    for name, rank1, mean_ap in (
        ("results_histogram.json", 10.0, 20.0),
        ("results_initial.json", 1.0, 5.0),
        ("results.json", 35.0, 52.0),
    ):
        mean = {"rank1": rank1, "mAP": mean_ap}
        row = {**mean, "trials_sha256": "of the trials"}
        figures = {"targets": {TARGET: row}, "mean": mean}
        (tmp_path / name).write_text(json.dumps(figures))
    for name in ("search.png", ".partial.png", "results_ranked/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("export", "people"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_it_ends_with_the_command_that_serves_its_result(demo, monkeypatch):
    *_, said, command = launch("demo_summary", f"--workdir={demo}").splitlines()
    assert said == "Serve it, with a page to search and enrol at http://localhost:8000:"
    python, *rest = shlex.split(command)
    assert rest == [
        "-m", "experiments.serve", f"--model={demo}/export", f"--gallery={demo}/people",
    ]  # fmt: skip
    assert os.access(ROOT / python, os.X_OK)
    # The command takes these flags: it refuses nothing but what is added here.
    monkeypatch.delenv("DIMN_TF_TOKEN", raising=False)
    refused = launch("serve", *rest[2:], "--host=0.0.0.0", code=1)
    assert "callers need a token" in refused


def test_the_makefile_leaves_what_the_command_names():
    text = (ROOT / "Makefile").read_text()
    assert "--export_dir=$(DEMO)/export" in text and "--gallery=$(DEMO)/people" in text
    assert text.index("experiments.search $(DEMO_GALLERY)") < text.index("demo_summary")


def test_without_export_and_gallery_no_command_is_named(demo):
    (demo / "people").rmdir()
    printed = launch("demo_summary", f"--workdir={demo}")
    assert "experiments.serve" not in printed
    assert printed.splitlines()[-2:] == [
        f"  {demo}/search.png", f"  {demo}/results_ranked/1.png",
    ]  # fmt: skip


def test_the_three_rankings_stand_side_by_side(demo):
    printed = launch("demo_summary", f"--workdir={demo}")
    assert "Unseen domain synthetic_reid/night_market; per cent:" in printed
    rows = [line.split() for line in printed.splitlines() if "." in line]
    assert ["colour", "histogram", "10.0", "20.0"] in rows
    assert ["untrained", "model", "1.0", "5.0"] in rows
    assert ["trained", "model", "35.0", "52.0"] in rows
    assert "10.4 times the untrained one's and 32.0 points above" in printed
    assert ".partial" not in printed


def _changed(path, **values):
    figures = json.loads(path.read_text())
    figures["targets"][TARGET].update(values)
    path.write_text(json.dumps(figures))


def test_a_domain_that_was_trained_on_is_not_called_unseen(demo):
    seen = {"persons": 3, "of_persons": 30, "images": 6, "of_images": 60}
    _changed(demo / "results.json", seen_in_training=seen)
    printed = launch("demo_summary", f"--workdir={demo}")
    told = "TRAINED ON 3 of its 30 persons and 6 of its 60 images"
    assert f"\nDomain {TARGET} ({told}); per cent:\n" in printed
    assert "Unseen" not in printed


@pytest.mark.parametrize("name", ["results_initial.json", "results.json"])
@pytest.mark.parametrize("values", ["trials_sha256", "images_sha256"])
def test_rankings_of_other_trials_or_labels_are_not_put_side_by_side(
    name, values, demo
):
    for path in demo.glob("*.json"):
        _changed(path, images_sha256="of the images")
    _changed(demo / name, **{values: "of others"})
    error = launch("demo_summary", f"--workdir={demo}", code=1)
    assert error.startswith(
        f"error: {demo / name}: not judged on the trials and labels"
    )
    assert f"{demo}/results_histogram.json: {TARGET} differ. Move the older" in error


def test_rankings_of_other_targets_are_not_put_side_by_side(demo):
    path = demo / "results.json"
    figures = json.loads(path.read_text())
    figures["targets"]["viper"] = figures["targets"][TARGET]
    path.write_text(json.dumps(figures))
    error = launch("demo_summary", f"--workdir={demo}", code=1)
    assert f"{path}: not judged on" in error and "viper differ" in error
