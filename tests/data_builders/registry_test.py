"""Tests of the list of data sets."""

import shutil
import subprocess
import sys

import pytest
import tensorflow_datasets as tfds

from data_builders import dummy_images, registry
from data_builders.viper import dummy_data
from dimn_tf import errors, progress, standard_json
from dimn_tf.errors import DataError

_REAL = [
    "cuhk02",
    "cuhk03",
    "dukemtmc_reid",
    "market1501",
    "cuhk_sysu",
    "viper",
    "prid",
    "grid",
    "ilids",
]


def test_all_are_there():
    persons = [*_REAL, "synthetic_reid", "reid_folder"]
    assert list(registry.DATASETS) == [*persons, "mini_imagenet"]
    assert registry.benchmark() == _REAL
    assert registry.person_data_sets() == persons


def test_data_sets_of_classes_are_refused_where_persons_are_meant():
    registry.refuse_classes(["viper", "cuhk02/partial", "reid_folder:somewhere"])
    references = ["viper", "mini_imagenet/partial", "mini_imagenet"]
    with pytest.raises(errors.UserError) as caught:
        registry.refuse_classes(references)
    (line,) = str(caught.value).splitlines()
    assert line.startswith("mini_imagenet/partial, mini_imagenet: found a data set of")
    assert line.endswith("Name one of " + ", ".join(registry.person_data_sets()))


def test_partial_config_is_asked_for_by_name_only(tmp_path):
    for name in (*_REAL, "mini_imagenet"):
        builder = registry.builder_class(name)
        # The plain `tfds build` builds what BUILDER_CONFIGS lists.
        assert [config.name for config in builder.BUILDER_CONFIGS] == ["complete"]
        made = registry.make_builder(f"{name}/partial", tmp_path)
        assert made.builder_config.allow_incomplete
        assert not registry.make_builder(name, tmp_path).builder_config.allow_incomplete


def test_features_are_the_same_everywhere(tmp_path):
    for name in _REAL:
        features = registry.make_builder(name, tmp_path).info.features
        assert set(features) == {"image", "person_id", "camera_id", "file_name"}


@pytest.mark.parametrize("reference", ["vipr", "", "viper2/complete"])
def test_unknown_data_set_is_an_error(reference, tmp_path):
    for call in (registry.facts, registry.builder_class):
        with pytest.raises(DataError, match="cuhk02, cuhk03"):
            call(reference)


@pytest.mark.parametrize("reference", ["reid_folder/crops", "reid_folder//a/crops"])
def test_own_data_without_a_colon_is_an_error(reference):
    """Taken for a place, it would be another one from each working directory."""
    with pytest.raises(DataError, match="own data as reid_folder:FOLDER") as caught:
        registry.split_reference(reference)
    assert str(caught.value).startswith(f"{reference}: no such data set")


def test_unknown_config_is_an_error(tmp_path):
    with pytest.raises(DataError, match="complete, partial"):
        registry.make_builder("viper/half", tmp_path)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("cuhk02", "cuhk02/complete"),
        ("cuhk02/", "cuhk02/complete"),
        ("cuhk02/complete", "cuhk02/complete"),
        ("cuhk02/partial", "cuhk02/partial"),
        ("cuhk02/half", "cuhk02/half"),
        ("synthetic_reid", "synthetic_reid/plaza"),
        ("synthetic_reid/alley", "synthetic_reid/alley"),
        ("reid_folder:/a/x/../b/", "reid_folder:/a/b"),
        (r"reid_folder:/a/./b?camera=^(\d)", r"reid_folder:/a/b?camera=^(\d)"),
        ("reid_folder:/a/b.csv", "reid_folder:/a/b.csv"),
        ("reid_folder", "reid_folder"),
    ],
)
def test_a_data_set_has_one_full_name(reference, name):
    assert registry.full_name(reference) == registry.full_name(name) == name


def test_a_full_name_means_what_the_bare_name_builds(tmp_path):
    for name in registry.DATASETS:
        if name != registry.OWN_DATA:
            config = registry.make_builder(name, tmp_path).builder_config.name
            assert registry.full_name(name) == f"{name}/{config}"


def test_missing_archives_are_listed(tmp_path):
    lines = registry.missing_archives(["viper", "dukemtmc_reid"], tmp_path, tmp_path)
    viper, duke = lines
    assert viper.startswith(f"viper: missing {tmp_path}/VIPeR.v1.0.zip")
    assert "https://vision.soe.ucsc.edu/node/178" in viper
    assert f"tfds build --manual_dir={tmp_path} in data_builders/viper" in viper
    assert "dg_without_duke.flags" in duke


def test_a_missing_archive_is_told_in_one_line(tmp_path):
    homepage = registry.facts("viper").homepage
    names = f"missing {tmp_path}/VIPeR.v1.0.zip (or VIPeR.v1.0, VIPeR.zip, VIPeR)"
    command = f"then tfds build --manual_dir={tmp_path} in data_builders/viper"
    whole = f"viper: {names}; published at {homepage}; {command}"
    assert registry.missing_archives(["viper"], tmp_path, tmp_path) == [whole]
    (tmp_path / "viper (1).zip").touch()
    (line,) = registry.missing_archives(["viper"], tmp_path, tmp_path)
    seen = f"is {tmp_path}/viper (1).zip it? Then rename it to VIPeR.v1.0.zip"
    assert line == f"viper: {names}; {seen}; published at {homepage}; {command}"
    (line,) = registry.missing_archives(["dukemtmc_reid"], tmp_path, None)
    known = registry.facts("dukemtmc_reid")
    assert line == (
        "dukemtmc_reid: missing DukeMTMC-reID.zip in the directory that --manual_dir "
        f"names (or DukeMTMC-reID); published at {known.homepage}. {known.remark}"
    )


def test_missing_partial_archive_names_its_config(tmp_path):
    (line,) = registry.missing_archives(["cuhk02/partial"], tmp_path, tmp_path)
    assert line.startswith("cuhk02/partial: missing")
    assert "--config=partial" in line


def test_relative_manual_dir_is_shown_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (line,) = registry.missing_archives(["viper"], "tfds", "archives")
    assert f"{tmp_path}/archives/VIPeR.v1.0.zip" in line


def test_without_manual_dir_everything_is_missing(tmp_path):
    (line,) = registry.missing_archives(["viper"], tmp_path, None)
    assert "VIPeR.v1.0.zip in the directory that --manual_dir names" in line


def test_archive_or_built_set_is_not_missing(tmp_path):
    (tmp_path / "VIPeR").mkdir()
    info = tmp_path / "tfds/prid/complete/2.0.0/dataset_info.json"
    info.parent.mkdir(parents=True)
    info.touch()
    names = ["viper", "prid", "synthetic_reid/plaza"]
    assert registry.missing_archives(names, tmp_path / "tfds", tmp_path) == []
    (line,) = registry.missing_archives(["prid/partial"], tmp_path / "tfds", tmp_path)
    assert line.startswith("prid/partial")  # the other config is built


def test_two_candidates_are_listed(tmp_path):
    (tmp_path / "VIPeR").mkdir()
    (tmp_path / "VIPeR.v1.0.zip").touch()
    (line,) = registry.missing_archives(["viper"], tmp_path, tmp_path)
    assert f"{tmp_path}/VIPeR.v1.0.zip and {tmp_path}/VIPeR" in line


def test_listing_imports_no_tensorflow():
    code = (
        "import sys; from data_builders import registry; "
        "registry.missing_archives(registry.DATASETS, 'a', 'b'); "
        "print([m for m in sys.modules if m.startswith('tensorflow')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == "[]\n", run.stderr


def test_own_data_are_built_under_the_config_of_their_listing(tmp_path):
    dummy_images.write(tmp_path / "crops", ["ann/1.png", "bo/1.png"])
    reference = f"reid_folder:{tmp_path}/crops"
    made = registry.make_builder(reference, tmp_path / "tfds")
    assert made.builder_config.name == registry.facts(reference).default_config
    assert made.builder_config.name.startswith("crops-")
    assert not registry.is_built(reference, tmp_path / "tfds")
    registry.build(reference, tmp_path / "tfds", None, lambda _: None)
    assert registry.is_built(reference, tmp_path / "tfds")


def test_build_builds_once_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "_SHORT_SECONDS", 0.0)
    dummy_data.write(tmp_path / "archives")
    lines = []
    (tmp_path / "archives/VIPeR/cam_b/873_180.bmp").unlink()
    args = ("viper/partial", tmp_path / "tfds", tmp_path / "archives", lines.append)
    builder = registry.build(*args)
    assert builder.info.splits["cam_a"].num_examples == 3
    assert "viper/partial: 2 of 632 images in cam_b" in lines
    assert any("3/3 images" in line and "left" in line for line in lines)
    assert registry.is_built("viper/partial", tmp_path / "tfds")
    assert not registry.is_built("viper", tmp_path / "tfds")
    lines.clear()
    again = registry.build("viper/partial", tmp_path / "tfds", None, lines.append)
    assert lines == []
    assert again.info.splits["cam_b"].num_examples == 2


@pytest.fixture
def partial_viper(tmp_path):
    """Builds `viper/partial` of what is there, and gives what is said about it."""
    dummy_data.write(tmp_path / "archives")

    def build(manual_dir=tmp_path / "archives"):
        lines = []
        registry.build("viper/partial", tmp_path / "tfds", manual_dir, lines.append)
        return lines

    build()
    return build


def test_a_partial_archive_that_has_grown_is_told(partial_viper, tmp_path):
    assert partial_viper() == []
    dummy_images.write(tmp_path / "archives/VIPeR", ["cam_a/900_0.bmp"])
    (line,) = partial_viper()
    built = tmp_path / "tfds/viper/partial/1.0.0"
    assert line == (
        "viper/partial: built before from other contents than "
        f"{tmp_path}/archives/VIPeR holds now; these records are used as they are. "
        f"To build it anew, remove {built}"
    )
    # The plain command line says so, too.
    lines, again = [], registry.make_builder("viper/partial", tmp_path / "tfds")
    again.log = lines.append
    again.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=tmp_path / "archives")
    )
    assert line in lines
    shutil.rmtree(built)
    assert "viper/partial: 4 of 632 images in cam_a" in partial_viper()
    assert partial_viper() == []


@pytest.mark.parametrize("case", ["no folder", "no archive", "none", "two", "older"])
def test_where_nobody_can_tell_records_are_used_in_silence(
    partial_viper, tmp_path, case
):
    archives = tmp_path / "archives"
    dummy_images.write(archives / "VIPeR", ["cam_a/900_0.bmp"])
    if case == "no folder":
        archives.rename(tmp_path / "elsewhere")
    elif case == "no archive":
        (archives / "VIPeR").rename(tmp_path / "elsewhere")
    elif case == "two":
        (archives / "VIPeR.zip").touch()
    elif case == "older":  # What they built is noted nowhere.
        path = tmp_path / "tfds/viper/partial/1.0.0/metadata.json"
        stored = standard_json.read_object(path)
        del stored["contents"]
        path.write_text(standard_json.text(stored))
    assert partial_viper(None if case == "none" else archives) == []


def test_build_that_waited_for_another_one_knows_its_splits(tmp_path, monkeypatch):
    """Another process builds the set between the look and the lock."""
    dummy_data.write(tmp_path)
    make = registry.make_builder
    late = make("viper/partial", tmp_path / "tfds")
    prepare = late.download_and_prepare

    def wait_and_prepare(**kwargs):
        make("viper/partial", tmp_path / "tfds").download_and_prepare(**kwargs)
        prepare(**kwargs)

    late.download_and_prepare = wait_and_prepare
    made = iter([late])
    monkeypatch.setattr(
        registry, "make_builder", lambda *args: next(made, None) or make(*args)
    )
    args = ("viper/partial", tmp_path / "tfds", tmp_path, lambda _: None)
    assert registry.build(*args).info.splits["cam_a"].num_examples == 3


def test_made_up_config_comes_from_json_too(tmp_path):
    """As `tfds build --config='{...}'` makes it."""
    builder = registry.builder_class("viper")
    config = builder.builder_config_cls(
        name="made_up", split_images=dummy_data.SPLITS, split_identities={"cam_a": 3}
    )
    dummy_data.write(tmp_path)
    made = builder(data_dir=tmp_path / "tfds", config=config)
    made.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=tmp_path)
    )
    assert made.info.splits["cam_a"].num_examples == 3


def test_a_comma_that_splits_a_name_is_explained():
    """`--targets=reid_folder:a,b` is read as two names."""
    with pytest.raises(DataError, match="in double quotes"):
        registry.split_reference("b")


@pytest.mark.parametrize("name", ["runs[1]", "a*", "what?"])
def test_a_folder_that_tfds_takes_for_a_pattern_is_refused_at_once(name, tmp_path):
    """It built there, and found nothing of it again."""
    place = tmp_path / name
    calls = (
        lambda: registry.build("viper", place, tmp_path),
        lambda: registry.is_built("viper", place),
        lambda: registry.missing_archives(["viper"], place, tmp_path),
        lambda: registry.make_builder("viper", place),
    )
    for call in calls:
        with pytest.raises(errors.UserError, match="takes for a pattern") as caught:
            call()
        assert f"--data_dir={place}" in str(caught.value)
    assert not place.exists()
