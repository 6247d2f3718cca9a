"""Tests of the command that builds the benchmark."""

from data_builders.mini_imagenet import dummy_data as mini_data
from data_builders.prid import dummy_data as prid_data
from data_builders.viper import dummy_data as viper_data
from tests.experiments import launcher


def _run(folder, *more):
    places = f"--data_dir={folder}/tfds", f"--manual_dir={folder}/archives"
    return launcher.run("build_datasets", *places, *more)


def test_missing_archives_stop_it_before_anything_is_built(tmp_path):
    viper_data.write(tmp_path / "archives")
    run = _run(tmp_path)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "7 of 8 data sets" in run.stderr
    assert f"cuhk02: missing {tmp_path}/archives/CUHK02.zip" in run.stderr
    assert "passed over: dukemtmc_reid" in run.stdout
    assert not (tmp_path / "tfds").exists()


def test_optional_data_set_is_needed_when_named(tmp_path):
    run = _run(tmp_path, "--datasets=dukemtmc_reid")
    assert run.returncode == 1
    assert "dg_without_duke.flags" in run.stderr


def test_one_failure_does_not_stop_the_others(tmp_path):
    viper_data.write(tmp_path / "archives")
    root = prid_data.write(tmp_path / "archives")
    (root / "single_shot/cam_a/person_0001.png").write_bytes(b"no image")
    run = _run(tmp_path, "--datasets=prid/partial,viper/partial")
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "1 of 2 data sets were not built" in run.stderr
    assert "person_0001.png is no readable image" in run.stderr
    assert "[2/2] viper/partial/1.0.0: building" in run.stdout
    assert "[2/2] viper/partial: 6 images" in run.stdout
    assert not (tmp_path / "tfds/prid").exists()
    again = _run(tmp_path, "--datasets=viper/partial")
    assert again.returncode == 0
    assert "building" not in again.stdout


def test_a_data_set_of_classes_is_built_where_it_is_named(tmp_path):
    mini_data.write(tmp_path / "archives")
    run = _run(tmp_path, "--datasets=mini_imagenet/partial")
    assert run.returncode == 0, run.stderr
    assert "mini_imagenet/partial: 2 of 9,600 images in val" in run.stdout
    assert "[1/1] mini_imagenet/partial: 8 images in " in run.stdout
    run = _run(tmp_path)
    assert "8 of 8 data sets" in run.stderr
    assert "mini_imagenet" not in run.stderr + run.stdout


def test_unknown_data_set(tmp_path):
    run = _run(tmp_path, "--datasets=vipr")
    assert run.returncode == 1
    assert "vipr: no such data set" in run.stderr
