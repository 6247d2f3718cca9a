"""Rendered archives -> records -> a few steps -> table, from the outside."""

import errno
import json

import pytest

from data_builders import dummy_images
from dimn_tf import standard_json
from dimn_tf.encoders import encoder
from tests.dimn_tf.export import made_up
from tests.experiments.launcher import launch

SOURCES = "synthetic_reid/plaza,synthetic_reid/alley"
TARGET = "synthetic_reid/night_market"
SIDES = ((1, "probe"), (2, "gallery"))


def _json(path):
    return json.loads(path.read_text())


def _figures(path):
    return _json(path)["targets"]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A run of three steps with 10 identities of each source set aside."""
    root = tmp_path_factory.mktemp("end_to_end")
    flags = (
        f"--workdir={root / 'run'}",
        f"--data_dir={root / 'tfds'}",
        f"--sources={SOURCES}",
        f"--targets={TARGET},heldout",
        "--image_height=32",
        "--image_width=32",
        "--encoder_width=0.35",
        "--encoder_weights=none",
        # Without statistics of images, all features are one within rounding.
        "--batch_norm_momentum=0.1",
        "--holdout_identities=10",
        "--train_steps=3",
        "--checkpoint_every=2",
        "--evaluate_every=2",
        "--log_every=1",
    )
    printed = launch("train", *flags)
    return root, flags, printed


@pytest.fixture
def tiny_encoder(monkeypatch):
    """The flag of an encoder of two convolutions, where MobileNetV2 shows no more."""
    monkeypatch.setitem(encoder.BACKBONES, "tiny", made_up.BACKBONE)
    return "--encoder=tiny"


def test_training_prints_sources_progress_and_the_table(places):
    _, _, printed = places
    assert "synthetic_reid/plaza" in printed and "held out" in printed
    assert "step 3/3 (100%)" in printed
    # After step 2, and at the end.
    assert printed.count("mean of 3 targets") == 2


def test_results_hold_the_targets_and_leave_pictures(places):
    root, _, _ = places
    results = json.loads((root / "run" / "results.json").read_text())
    assert set(results["targets"]) == {
        TARGET,
        "synthetic_reid/plaza (held out)",
        "synthetic_reid/alley (held out)",
    }
    row = results["targets"]["synthetic_reid/plaza (held out)"]
    assert row["probes"] == row["gallery"] == row["trials"] == 10
    assert results["step"] == 3 and results["flags"]["train_steps"] == 3
    for name in (
        "results_cmc.png",
        "loss_curves.png",
        "results_probes.csv",
        "results_ranked/synthetic_reid_night_market.png",
        "evaluations/results_0000002.json",
    ):
        assert (root / "run" / name).stat().st_size > 1000, name
    kept = {p.name for p in (root / "run" / "checkpoints").glob("*.index")}
    assert kept == {"ckpt-2.index", "ckpt-3.index"}


def test_heldout_identities_are_not_trained_on(places):
    root, _, _ = places
    holdout = json.loads((root / "run" / "holdout.json").read_text())
    assert {name: len(ids) for name, ids in holdout.items()} == {
        "synthetic_reid/plaza": 10,
        "synthetic_reid/alley": 10,
    }
    config = json.loads((root / "run" / "config.json").read_text())
    from data_builders import registry

    identities = sum(registry.facts(name).identities for name in SOURCES.split(","))
    assert config["num_identities"] == identities - 20


def test_evaluate_needs_the_workdir_alone_and_repeats_the_figures(places):
    root, _, _ = places
    run = root / "run"
    launch("evaluate", f"--workdir={run}", "--output=again.json", "--ranked_probes=0")
    again, first = _figures(run / "again.json"), _figures(run / "results.json")
    for target in first:
        for metric in ("rank1", "rank5", "rank10", "mAP"):
            assert again[target][metric] == pytest.approx(first[target][metric])


def test_other_targets_replace_no_result(places):
    """README's `evaluate --targets=...` once took results.json's place."""
    run = places[0] / "run"
    results = sorted(run.glob("results*"))
    before = {path: path.read_bytes() for path in results if path.is_file()}
    arguments = f"--workdir={run}", "--targets=synthetic_reid/plaza"
    printed = launch("evaluate", *arguments, "--ranked_probes=0")
    assert "TRAINED ON 70 of its 80 persons" in printed
    (named,) = (run / "evaluations").glob("*_synthetic_reid_plaza_*.json")
    assert f"Results: {named}" in printed
    told = launch("evaluate", *arguments, "--output=results.json", code=1)
    assert "--output=results.json" in told and "the result of other targets" in told
    assert {path: path.read_bytes() for path in before} == before


def test_mirror_images_may_be_matched_later_and_replace_no_result(places):
    run = places[0] / "run"
    before = (run / "results.json").read_bytes()
    printed = launch("evaluate", f"--workdir={run}", "--mirror", "--ranked_probes=0")
    (named,) = (
        path
        for path in (run / "evaluations").glob("results_0000003_*.json")
        if _json(path)["flags"]["mirror"]
    )
    assert f"Results: {named}" in printed
    assert _json(run / "results.json")["flags"]["mirror"] is False
    assert _figures(named) != _figures(run / "results.json")
    again = launch("evaluate", f"--workdir={run}", "--nomirror", "--ranked_probes=0")
    assert f"Results: {run / 'results.json'}" in again
    assert _figures(run / "results.json") == json.loads(before)["targets"]
    # Under the run's own name by force: an export will not take it for its own.
    launch("evaluate", f"--workdir={run}", "--mirror", "--output=apart/results.json",
           "--ranked_probes=0")  # fmt: skip
    kept = run / "kept.json"
    (run / "results.json").rename(kept)
    try:
        (run / "apart" / "results.json").rename(run / "results.json")
        out = places[0] / "mirrored_export"
        told = launch("export", f"--workdir={run}", f"--export_dir={out}")
        assert "results.json is of another --mirror than the run's (False)" in told
        assert _json(out / "1" / "metadata.json")["results"] is None
    finally:
        kept.rename(run / "results.json")


def test_a_run_in_mixed_precision_has_one_figure(places, tiny_encoder, tmp_path):
    """The table at the training's end is evaluate's, and an export's: float32."""
    _, flags, _ = places
    kept = [f for f in flags if not f.startswith(("--workdir", "--targets"))]
    kept += [tiny_encoder]
    kept += ["--precision=mixed_bfloat16", f"--targets={TARGET}", "--evaluate_every=0"]
    run = tmp_path / "run"
    launch("train", f"--workdir={run}", *kept)
    launch("evaluate", f"--workdir={run}", "--output=again.json", "--ranked_probes=0")
    trained, again = (
        (run / name).read_text() for name in ("results_probes.csv", "again_probes.csv")
    )
    assert trained == again


def test_untrained_and_histogram_rankings_need_no_training(places, tmp_path):
    root, flags, _ = places
    kept = [f for f in flags if not f.startswith(("--workdir", "--targets"))]

    def evaluate(model, *more):
        launch(
            "evaluate",
            f"--workdir={tmp_path}",
            f"--targets={TARGET}",
            f"--model={model}",
            "--ranked_probes=0",
            "--mirror",  # As the demo's flag file has it, of both.
            *kept,
            *more,
        )

    for model in ("initial", "histogram"):
        evaluate(model)
    usual = tmp_path / "results_initial.json"
    before = usual.read_bytes()
    evaluate("initial", "--seed=5")  # Another start: both are kept.
    assert usual.read_bytes() == before
    (other,) = (tmp_path / "evaluations").glob("results_initial_*[0-9a-f].json")
    assert json.loads(other.read_text())["flags"]["seed"] == 5
    initial = _figures(tmp_path / "results_initial.json")[TARGET]
    histogram = _figures(tmp_path / "results_histogram.json")[TARGET]
    assert initial["mAP"] != histogram["mAP"]
    # Colours know no mirror images: with the flag or without, the result is the same.
    evaluate("histogram", "--nomirror")
    assert not list((tmp_path / "evaluations").glob("results_histogram*"))
    held = json.loads((tmp_path / "results_histogram.json").read_text())
    assert held["flags"]["mirror"] is False


@pytest.fixture(scope="module")
def exported(places):
    """The run, calibrated and exported once: the export, and what both printed."""
    root, _, _ = places
    export = root / "export"
    calibrated = launch("calibrate", f"--workdir={root / 'run'}")
    printed = launch(
        "export",
        f"--workdir={root / 'run'}",
        f"--export_dir={export}",
        "--formats=saved_model,tracker_onnx",
    )
    return export, calibrated, printed


def test_calibrated_exported_enrolled_and_searched(places, exported, tmp_path):
    root, _, _ = places
    export, printed, told = exported
    assert "1 in 100 " in printed and "1 in 10,000" in printed
    assert (root / "run" / "calibration.png").stat().st_size > 1000
    calibrated = json.loads((root / "run" / "calibration.json").read_text())
    assert calibrated["identities"] == {
        "synthetic_reid/plaza": 10,
        "synthetic_reid/alley": 10,
    }
    gallery = tmp_path / "people"
    assert f"Exported: {export}/1" in told
    card = (export / "1" / "model_card.md").read_text()
    assert "free of people" in card and "1 in 100 |" in card
    assert "| formats | saved_model, tracker_onnx |" in card
    (tracker,) = (export / "1").glob("*.onnx")
    assert tracker.name == "mobilenetv2_x0_35_dimn.onnx"
    crops = tmp_path / "crops"
    dummy_images.write(crops, [f"{p}/{k}.png" for p in "abc" for k in range(3)])
    (crops / "c" / "9.png").write_text("no image")
    arguments = f"--model={export}", f"--gallery={gallery}"
    printed = launch("enroll", *arguments, str(crops / "typo"), code=1)
    assert "typo: there is no such file or folder" in printed
    assert not gallery.exists()
    printed = launch("enroll", *arguments, str(crops))
    assert f"skipped {crops}/c/9.png" in printed
    assert "9 enrolled, 0 there already, 1 skipped" in printed
    printed = launch("enroll", *arguments, str(crops))
    assert "0 enrolled, 9 there already, 1 skipped" in printed
    probe = f"--probe={crops / 'b' / '1.png'}"
    found = json.loads(launch("search", *arguments, probe, "--topk=4", "--json"))
    assert len(found["hits"]) == 4
    scores = [hit["score"] for hit in found["hits"]]
    assert scores == sorted(scores, reverse=True)
    one = [row for row in calibrated["thresholds"] if "score" in row][0]
    printed = launch("search", *arguments, probe, f"--false_accepts={one['one_in']}")
    assert f"{one['score']:.4f}" in printed and (
        "above" in printed or "below" in printed
    )
    printed = launch("search", *arguments, probe, "--false_accepts=7", code=1)
    assert "--false_accepts=7" in printed


@pytest.mark.parametrize(
    ("flag", "told"),
    [
        ("--feature_neck", "--feature_neck=True: the run in "),  # Unknown to the run.
        ("--mldg_inner_rate=0.5", "--mldg_inner_rate=0.5: --method=dimn has no such"),
        ("--augment_flip=0.25", "--augment_flip=0.25: the run in "),
        ("--model=initial", "started from none, found imagenet. Give that file"),
    ],
)
def test_what_the_run_was_not_made_with_is_refused(places, flag, told):
    root, _, _ = places
    config = root / "run" / "config.json"
    before = config.read_text()
    older = json.loads(before)
    del older["feature_neck"]
    config.write_text(json.dumps(older))
    more = ["--encoder_weights=imagenet"] if flag == "--model=initial" else []
    try:
        printed = launch("evaluate", f"--workdir={root / 'run'}", flag, *more, code=1)
    finally:
        config.write_text(before)
    assert told in printed


def test_what_another_run_was_trained_on_goes_on_with_its_weights(places, tmp_path):
    root, flags, _ = places
    run = tmp_path / "run"
    flags = [flag for flag in flags if "_every" not in flag and "seed" not in flag]
    flags += [f"--workdir={run}", f"--init_from={root / 'run'}", "--train_steps=1"]
    # By another seed other people are drawn, whom the first run has seen.
    told = launch("train", *flags, "--seed=1", code=1)
    assert "--holdout_identities: the run of --init_from was trained on " in told
    assert "of the 10 people of synthetic_reid/plaza" in told
    assert not (run / "checkpoints").exists()
    other = f"--sources={TARGET}", "--targets=synthetic_reid/alley"
    identities = "--holdout_identities=0"
    printed = launch("train", *flags, *other, identities)
    marked = "TRAINED ON "
    (line,) = (x for x in printed.splitlines() if marked in x)
    launch("evaluate", f"--workdir={run}", "--output=again.json")
    for name in ("results", "again"):
        row = _figures(run / f"{name}.json")["synthetic_reid/alley"]
        seen = row["seen_in_training"]
        assert seen["of_persons"] - seen["persons"] == 10  # Those set aside there.
    launch("export", f"--workdir={run}", f"--export_dir={tmp_path / 'export'}")
    card = (tmp_path / "export" / "1" / "model_card.md").read_text()
    assert f"| sources | {TARGET} |" in card
    told = "| before, by --init_from | synthetic_reid/plaza, synthetic_reid/alley |"
    assert told in card and "* synthetic_reid/alley: " in card
    assert "TRAINED ON" in card


def test_an_export_of_results_that_were_edited_names_the_file(places, tmp_path):
    results = places[0] / "run" / "results.json"
    before = results.read_text()
    edited = json.loads(before)
    del edited["targets"][TARGET]["mAP"]
    results.write_text(json.dumps(edited))
    try:
        told = launch(
            "export",
            f"--workdir={places[0] / 'run'}",
            f"--export_dir={tmp_path / 'export'}",
            code=1,
        )
    finally:
        results.write_text(before)
    assert f"{results} or " in told and "KeyError: 'mAP'" in told
    assert "Run experiments.evaluate" in told and not (tmp_path / "export").exists()


def test_thresholds_of_a_model_that_was_trained_anew_since_are_left_out(
    places, exported, tmp_path
):
    whole = json.loads((exported[0] / "1" / "metadata.json").read_text())
    calibration = places[0] / "run" / "calibration.json"
    before = calibration.read_text()
    held = json.loads(before)
    assert held["checkpoint_sha256"] == whole["checkpoint_sha256"]
    assert whole["thresholds"] == held
    calibration.write_text(json.dumps({**held, "checkpoint_sha256": "0" * 64}))
    given = f"--workdir={places[0] / 'run'}", f"--export_dir={tmp_path / 'export'}"
    try:
        told = launch("export", *given)
    finally:
        calibration.write_text(before)
    assert f"{calibration} is of another model of that step" in told
    export = tmp_path / "export" / "1"
    assert json.loads((export / "metadata.json").read_text())["thresholds"] is None
    assert "the run was not calibrated" in (export / "model_card.md").read_text()


def test_a_full_disk_leaves_the_calibration_that_is_there(
    places, exported, monkeypatch
):
    run = places[0] / "run"
    before = {path: path.read_bytes() for path in run.glob("calibration*")}
    names = sorted(path.name for path in run.iterdir())

    def full(values):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(standard_json, "text", full)
    # Of another seed: what is there would be put aside.
    told = launch("calibrate", f"--workdir={run}", "--seed=1", code=1)
    assert f"{run}/calibration.json: cannot be written: No space left" in told
    assert {path: path.read_bytes() for path in before} == before
    assert sorted(path.name for path in run.iterdir()) == names


def test_a_search_is_drawn_explained_and_judged_as_evaluate_judges(
    places, exported, tmp_path
):
    root, _, _ = places
    crops, people = tmp_path / "crops", tmp_path / "people"
    export, _, _ = exported
    data = f"--dataset={TARGET}", f"--data_dir={root / 'tfds'}"
    printed = launch("extract_images", *data, f"--folder={crops}", "--persons=12")
    assert "12 people" in printed
    assert "there already" in launch(
        "extract_images", *data, f"--folder={crops}", code=1
    )
    # By evaluate: camera 1's images are the probes, camera 2's the gallery.
    reference = rf"reid_folder:{crops}?camera=^(\d+)_"
    launch(
        "evaluate",
        f"--workdir={root / 'run'}",
        f"--data_dir={tmp_path / 'tfds'}",
        f"--targets={reference}",
        "--own_trials=cameras",
        f"--output={tmp_path / 'own.json'}",
        "--ranked_probes=0",
    )
    expected = _figures(tmp_path / "own.json")[reference]
    # By enrolling camera 2 and searching for camera 1.
    cameras = "--person_folders", r"--camera_pattern=^(\d+)_"
    arguments = f"--model={export}", f"--gallery={people}"
    printed = launch(
        "enroll", *arguments, *cameras, "--only_camera=2", "--json", str(crops)
    )
    assert json.loads(printed)["enrolled"] == expected["gallery"]
    printed = launch(
        "evaluate_gallery",
        *arguments,
        *cameras,
        "--only_camera=1",
        "--json",
        str(crops),
    )
    found = json.loads(printed)
    assert found["probes"] == expected["probes"] > 12
    for metric in ("rank1", "rank5", "rank10", "mAP"):
        # Batch norm is folded in the export: equal up to two scores' rounding.
        assert found[metric] == pytest.approx(expected[metric]["mean"], abs=0.5)
    probe = sorted(crops.glob("*/1_*"))[0]
    picture = tmp_path / "search.png"
    printed = launch(
        "search",
        *arguments,
        f"--probe={probe}",
        "--topk=3",
        "--explain",
        f"--picture={picture}",
        "--json",
    )
    hits = json.loads(printed)["hits"]
    assert picture.stat().st_size > 1000
    for hit in hits:
        for name in ("probe_map", "gallery_map"):
            shares = [share for row in hit["explanation"][name] for share in row]
            # The margin itself may be next to nothing.
            limit = 1e-3 * max(sum(map(abs, shares)), abs(hit["score"]))
            close = pytest.approx(hit["explanation"]["margin"], abs=limit)
            assert sum(shares) == close
    printed = launch("search", *arguments, f"--probe={probe}", "--explain", code=1)
    assert "--explain needs" in printed
    name = hits[0]["entry_id"]
    place = f"--gallery={people}"
    assert "1 removed" in launch("enroll", place, "--remove", name)
    again = launch("search", *arguments, f"--probe={probe}", "--topk=3", "--json")
    assert name not in [hit["entry_id"] for hit in json.loads(again)["hits"]]
    one, other, *_ = sorted(p.name for p in crops.iterdir())
    printed = launch("enroll", place, f"--remove_person={one}", "--json")
    gone = json.loads(printed)["removed"]
    assert gone and all(f"/{one}/2_" in entry for entry in gone)
    printed = launch("enroll", place, "--remove", str(crops / other), "no", code=1)
    assert "no entry of no. Nothing was removed" in printed
    assert "removed" in launch("enroll", place, "--remove", str(crops / other))
    printed = launch("enroll", place, f"--remove_person={other}", code=1)
    assert f"no entry of person {other}" in printed


def test_own_data_are_source_and_target(tiny_encoder, tmp_path):
    folder = tmp_path / "crops"
    dummy_images.write(
        folder, (f"p{p}/{c}_{k}.png" for p in range(4) for c in (1, 2) for k in "ab")
    )
    reference = rf"reid_folder:{folder}?camera=^(\d)_"
    rows = [f"crops/p{p}/{c}_a.png,p{p},{s}" for p in range(4) for c, s in SIDES]
    theirs = tmp_path / "theirs.csv"
    theirs.write_text("\n".join(["path,person_id,split", *rows]) + "\n")
    printed = launch(
        "train",
        f"--workdir={tmp_path / 'run'}",
        f"--data_dir={tmp_path / 'tfds'}",
        f"--sources={reference}",
        f"--targets={reference},reid_folder:{theirs}",
        "--image_height=32",
        "--image_width=32",
        tiny_encoder,
        "--encoder_weights=none",
        "--identities_per_batch=2",
        "--train_steps=2",
    )
    assert "C = 4 identities" in printed
    rows = _figures(tmp_path / "run" / "results.json")
    assert rows[reference]["trials"] == 10
    assert rows[f"reid_folder:{theirs}"]["trials"] == 1
