"""Every method learns: a short run on rendered people beats its own start."""

import pytest

from dimn_tf import methods
from dimn_tf.evaluation import bootstrap, results_files
from tests.experiments import launcher

SOURCES = ("plaza", "station", "mall")
TARGET = "synthetic_reid/night_market"
_MIXED = "--domain_sampling=all"  # One a step learns nothing from a random start.
OPTIONS = {
    "dimn": ["--train_images=25600", _MIXED, "--identified_branches=both"],
    # Batch-hard triplets of a random start shrink all features to a point.
    "aligned_reid": [
        "--train_images=25600",
        "--encoder_width=1.0",
        "--encoder_weights={shared}/weights/mobilenet_v2_1.0.weights.h5",
        "--learning_rate_start=3.5e-4",
        "--learning_rate_end=1e-4",
        "--warmup_steps=0",
    ],
    "ppa": ["--train_steps=500", "--ppa_mapping_steps=100"],
    # From a random start, its head in an order of its own for each task has to be
    # learnt in the task.
    "reptile": [
        "--train_images=51200",
        "--reptile_inner_steps=8",
        "--reptile_inner_rate=3e-3",
    ],
    "mldg": ["--train_images=38400", "--mldg_whole_batches"],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three rendered domains and a target, built once."""
    folder = tmp_path_factory.mktemp("learning") / "tfds"
    names = ",".join(f"synthetic_reid/{name}" for name in SOURCES)
    launcher.launch(
        "build_datasets", f"--datasets={names},{TARGET}", f"--data_dir={folder}"
    )
    return folder, names


@pytest.mark.slow
@pytest.mark.parametrize("name", methods.METHODS)
def test_a_short_run_beats_its_own_start(name, data, tmp_path, request):
    folder, names = data
    flags = [
        f"--workdir={tmp_path / 'run'}",
        f"--data_dir={folder}",
        f"--method={name}",
        f"--sources={names}",
        f"--targets={TARGET}",
        "--encoder=mobilenet_v2",
        "--encoder_width=0.35",
        "--encoder_weights=none",
        "--image_height=96",
        "--image_width=48",
        "--batch_norm_momentum=0.95",
        "--learning_rate_start=3e-3",
        "--learning_rate_end=5e-4",
        "--warmup_steps=50",
    ]
    for flag in OPTIONS.get(name, ["--train_images=25600"]):
        if "{shared}" in flag:
            flag = flag.format(shared=request.getfixturevalue("shared_dir"))
        flags.append(flag)
    launcher.launch("train", *flags)
    launcher.launch(
        "evaluate", "--model=initial", f"--workdir={tmp_path / 'run'}", *flags[1:]
    )
    trained, start = (
        tmp_path / "run" / f"{stem}.json" for stem in ("results", "results_initial")
    )
    found = bootstrap.compare(trained, start, resamples=1000)
    means = [results_files.read(path)["mean"]["mAP"] for path in (trained, start)]
    assert found["excludes_zero"] and found["difference"] > 0, means
