"""Every method learns: a short run on rendered people beats its own start."""

import pytest

from dimn_tf import methods
from dimn_tf.evaluation import bootstrap, results_files
from tests.experiments import launcher

SOURCES = ("plaza", "station", "mall")
TARGET = "synthetic_reid/night_market"
MAPPING_STEPS = 100  # Of PPA's second stage, beside the budget's.


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
def test_a_short_run_beats_its_own_start(name, data, tmp_path):
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
    # One domain a step learns nothing from a random start; see demo.flags.
    if name in ("dimn", "aligned_reid"):
        flags += ["--domain_sampling=all"]
    if name == "dimn":
        flags += ["--identified_branches=both"]
    if name == "ppa":
        flags += [f"--ppa_mapping_steps={MAPPING_STEPS}"]
        flags += [f"--train_steps={400 + MAPPING_STEPS}"]
    else:
        flags += ["--train_images=25600"]
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
