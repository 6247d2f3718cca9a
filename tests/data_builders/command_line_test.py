"""Tests of the plain TFDS command line in a data set's folder."""

import json
import pathlib
import subprocess
import sys

import pytest

from data_builders import registry
from data_builders.prid import dummy_data

_FOLDER = pathlib.Path(registry.__file__).parent / "prid"
_CONFIG = json.dumps({"name": "made_up", "split_images": dummy_data.SPLITS})


def _tfds_build(tmp_path, *flags):
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "tensorflow_datasets.scripts.cli.main",
            "build",
            f"--data_dir={tmp_path}/tfds",
            f"--manual_dir={tmp_path}/archives",
            *flags,
        ],
        cwd=_FOLDER,
        env={"PYTHONPATH": str(_FOLDER.parent.parent), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_builds_random_access_records(tmp_path):
    dummy_data.write(tmp_path / "archives")
    run = _tfds_build(tmp_path, f"--config={_CONFIG}")
    assert run.returncode == 0, run.stderr
    files = (tmp_path / "tfds/prid/made_up/2.0.0").glob("*.array_record*")
    assert len(list(files)) == len(dummy_data.SPLITS)


@pytest.mark.slow
def test_builds_the_complete_set_only_unless_asked(tmp_path):
    dummy_data.write(tmp_path / "archives")
    run = _tfds_build(tmp_path)
    assert run.returncode != 0
    assert "prid_2011 is not the complete data set" in run.stderr
    assert not list((tmp_path / "tfds").glob("*"))
    run = _tfds_build(tmp_path, "--config=partial")
    assert run.returncode == 0, run.stderr
    assert "prid/partial: 3 of 385 images in cam_a" in run.stdout
    assert [p.name for p in (tmp_path / "tfds/prid").glob("[!.]*")] == ["partial"]
