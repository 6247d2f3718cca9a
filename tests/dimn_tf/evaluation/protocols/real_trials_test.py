"""The trials on the real archives: who stands against whom, and how many."""

import importlib.resources
import tarfile
import zipfile

import numpy as np
import pytest
import scipy.io

from data_builders import registry
from dimn_tf.evaluation import targets
from dimn_tf.evaluation.protocols import ilids, shipped, viper
from tests.dimn_tf.evaluation.protocols import asking
from tests.experiments import launcher

# probes, gallery, splits of the probes and of the gallery
NUMBERS = {
    "viper": (316, 316, "cam_a", "cam_b"),
    "prid": (100, 649, "cam_a", "cam_b"),
    "grid": (125, 900, "probe", "gallery"),
    "ilids": (60, 60, "persons", "persons"),
}


def archived(path):
    """Names of the images in an archive, without their top folder."""
    if path.suffix == ".zip":
        names = zipfile.ZipFile(path).namelist()
    else:
        names = tarfile.open(path).getnames()
    images = [n for n in names if n.endswith((".bmp", ".png", ".jpg", ".jpeg"))]
    return sorted(name.split("/", 1)[1] for name in images)


def test_viper_is_drawn_by_the_command_in_its_header(shared_dir, fake_records):
    names = archived(shared_dir / "reid_data" / "VIPeR.v1.0.zip")
    rows = [(n.split("/")[0], n, int(n.split("/")[1][:3]), 0) for n in names]
    drawn = viper.draw(asking.asked(fake_records("viper", rows)))
    assert drawn == shipped.shipped_list("viper")


def test_ilids_is_drawn_by_the_command_in_its_header(shared_dir, fake_records):
    names = archived(shared_dir / "reid_data" / "i-LIDS_Pedestrian.tgz")
    rows = [("persons", n, int(n.split("/")[1][:4]), 0) for n in names]
    records = fake_records("ilids", rows)
    drawn = ilids.draw(asking.asked(records))
    assert drawn == shipped.shipped_list("ilids")


@pytest.fixture(scope="module")
def data_dir(shared_dir, tmp_path_factory):
    """The four targets, built from their archives."""
    built = tmp_path_factory.mktemp("tfds")
    for target in NUMBERS:
        registry.build(target, built, shared_dir / "reid_data", log=lambda text: None)
    return built


@pytest.mark.parametrize("name", NUMBERS)
def test_trials_of_the_built_targets(data_dir, name):
    probes, gallery, probe_split, gallery_split = NUMBERS[name]
    target = targets.load_target(name, data_dir)
    records = target.records
    assert len(target.trials) == 10
    assert len({frozenset(t.probe_indices.tolist()) for t in target.trials}) == 10
    for trial in target.trials:
        assert len(set(trial.probe_indices.tolist())) == probes
        assert len(set(trial.gallery_indices.tolist())) == gallery
        assert not set(trial.probe_indices) & set(trial.gallery_indices)
        assert set(records.splits[trial.probe_indices]) == {probe_split}
        assert set(records.splits[trial.gallery_indices]) == {gallery_split}
        np.testing.assert_array_equal(
            records.person_ids[trial.probe_indices], trial.probe_ids
        )
        matches = trial.probe_ids[:, None] == trial.gallery_ids
        assert (matches.sum(axis=1) == 1).all()


def test_grid_follows_the_archives_folds(data_dir, shared_dir, tmp_path):
    with zipfile.ZipFile(shared_dir / "reid_data" / "underground_reid.zip") as archive:
        name = next(n for n in archive.namelist() if n.endswith(".mat"))
        mat = scipy.io.loadmat(archive.extract(name, tmp_path))
    trials = targets.load_target("grid", data_dir).trials
    for trial, fold in zip(trials, mat["testIdxAll"][0], strict=True):
        persons = set(np.ravel(fold["personIdx"]).tolist())
        assert len(persons) == 125 and persons == set(trial.probe_ids.tolist())
        assert (trial.gallery_ids == 0).sum() == 775
        assert persons <= set(range(1, 251))


def test_viper_persons_are_probes_once_a_split(data_dir):
    trials = targets.load_target("viper", data_dir).trials
    for first, second in zip(trials[::2], trials[1::2], strict=True):
        both = np.concatenate([first.probe_ids, second.probe_ids])
        assert len(set(both.tolist())) == 632


def launch(data_dir, output_dir, *flags):
    places = f"--data_dir={data_dir}", f"--output_dir={output_dir}"
    return launcher.run("draw_trials", *places, *flags)


def test_the_drawing_command_gives_the_shipped_files(data_dir, tmp_path):
    done = launch(data_dir, tmp_path)
    assert done.returncode == 0, done.stderr
    lists = importlib.resources.files("dimn_tf.evaluation.protocols") / "trial_lists"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "ilids.txt",
        "prid.txt",
        "viper.txt",
    ]
    for path in tmp_path.iterdir():
        assert path.read_text() == (lists / path.name).read_text()


def test_a_target_without_a_drawn_list_is_refused_before_any_is_drawn(
    data_dir, tmp_path
):
    done = launch(data_dir, tmp_path, "--targets=prid,grid")
    assert done.returncode == 1 and "'grid' has no drawn list" in done.stderr
    assert not list(tmp_path.iterdir())
