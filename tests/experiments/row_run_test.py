"""A row's run: its options, its command, its process, what it cost, what it refuses."""

import dataclasses
import json
import os
import signal
import sys
import threading
import time
import types

import pytest
from absl import flags

from dimn_tf import errors
from dimn_tf.comparison import place, rows
from dimn_tf.evaluation import results_files
from experiments import row_cost, row_run
from tests.dimn_tf.comparison import made_up

GIVEN = {
    "sources": ["cuhk02", "cuhk03", "market1501"],
    "targets": ["viper", "prid"],
    "encoder_weights": "none",
    "train_images": 256_000,
    "triplet_margin": 0.5,
    "mldg_inner_rate": 0.01,
    "trial_seed": 3,
}
IMAGES = 24_997


@pytest.fixture
def run(tmp_path):
    def make(name, seed=0, **more):
        return row_run.RowRun(
            place=place.Place(tmp_path / "results", name, seed),
            given={**GIVEN, **more},
            places={"data_dir": str(tmp_path / "tfds"), "manual_dir": "archives"},
            parent=tmp_path / "runs",
            training_images=IMAGES,
            targets=[_target()],
        )

    return make


def _target(trials="of viper", images=None):
    """What a target is told by; of `made_up`'s trials."""
    return types.SimpleNamespace(
        name="viper", trials_sha256=trials, images_sha256=images
    )


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("dimn", 4000),
        ("aggregation", 4000),
        ("mldg", 4000),
        ("reptile", 1334),  # 3 x 32 x 2 images a step.
        ("ppa", 3610 + 4000),  # Each image is encoded once; see its default.
    ],
)
def test_all_rows_see_as_many_images(name, steps, run):
    found = run(name, ppa_mapping_steps=4000).recipe
    assert found.optimiser.train_images == 0
    assert found.train_steps == steps


def test_a_row_takes_what_its_method_has_and_its_own_comes_first(run):
    options = run("mldg").options
    assert "triplet_margin" not in options and options["mldg_inner_rate"] == 0.01
    dimn = run("dimn_mixed_domains", domain_sampling="uniform").options
    assert dimn["triplet_margin"] == 0.5 and "mldg_inner_rate" not in dimn
    assert dimn["domain_sampling"] == "all"
    assert run("dimn_no_logit_triplet", triplet_weight=0.3).options[
        "triplet_weight"
    ] == pytest.approx(0)
    assert run("dimn", 4).options["seed"] == 4


def test_its_command_says_all(run, tmp_path):
    command = run("dimn_no_memory", 7).command
    for part in (
        f"--workdir={tmp_path / 'runs' / 'dimn_no_memory_seed7'}",
        "--manual_dir=archives",
        "--sources=cuhk02,cuhk03,market1501",
        "--targets=viper,prid",
        "--memory_bank=false",
        "--train_steps=4000",
        "--seed=7",
        "--trial_seed=3",
    ):
        assert part in command, part
    assert not any(part.startswith("--train_images") for part in command)


def test_names_with_commas_and_quotes_come_through(run):
    sources = ["cuhk02", 'reid_folder:/a,b "c"/d', "e"]
    (part,) = [p for p in run("dimn", sources=sources).command if "sources" in p]
    text = part.removeprefix("--sources=")
    assert flags.ListParser().parse(text) == sources


def _leave(run, **changed):
    """Results of the run in its work directory, as it would leave them."""
    values = {**run.recorded, **changed}
    left = made_up.run(
        run.workdir.root, {"viper": [0.5, 0.2]}, **json.loads(json.dumps(values))
    )
    own = {"method": run.recipe.method, "step": run.recipe.train_steps}
    left.results.write_text(json.dumps(json.loads(left.results.read_text()) | own))
    return left


def _keep(run, **changed):
    """Results of the run, as they would be kept."""
    run.place.keep(_leave(run, **changed), {**made_up.COST, "training_images": IMAGES})


@pytest.mark.parametrize("name", rows.ROWS)
def test_results_of_the_same_options_are_there(name, run):
    wanted = run(name)
    assert not wanted.is_done
    wanted.refuse_others_results()  # Nothing to refuse.
    _keep(wanted, evaluation_batch_size=3, ranked_probes=0)
    assert wanted.is_done
    # Without the archives, when nobody has counted the images.
    dataclasses.replace(wanted, training_images=None).refuse_others_results()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"triplet_margin": 0.25}, "--triplet_margin=0.5, now 0.25"),
        ({"train_images": 128_000}, "--train_steps=4000, now 2000 (of --train_images"),
        ({"sources": ["cuhk02"]}, "--sources=cuhk02,cuhk03,market1501, now cuhk02"),
        ({"trial_seed": 4}, "--trial_seed=3, now 4"),
        ({"targets": ["viper"]}, "--targets=viper,prid, now viper"),
        ({"augment_hue": 0.1}, "--augment_hue=0.0, now 0.1"),
    ],
)
def test_results_of_other_options_are_refused_by_flag(changed, told, run):
    _keep(run("dimn"))
    other = run("dimn", **changed)
    with pytest.raises(errors.UserError) as caught:
        other.refuse_others_results()
    assert told in str(caught.value) and "dimn_seed0.json" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("mirror", True, "--mirror=false, now true"),
        ("instance_norm_through", "block_12", "--instance_norm_through=, now block_12"),
        ("hard_share", 0.5, "--hard_share=0.0, now 0.5"),
        ("camera_rule", "cross_camera", "--camera_rule=none, now cross_camera"),
    ],
)
def test_results_older_than_a_flag_were_made_with_its_default(name, value, told, run):
    wanted = run("dimn")
    _keep(wanted)
    held = json.loads(wanted.place.results.read_text())
    del held["flags"][name]
    wanted.place.results.write_text(json.dumps(held))
    wanted.refuse_others_results()
    with pytest.raises(errors.UserError, match=told):
        run("dimn", **{name: value}).refuse_others_results()


def _trained_by(monkeypatch, tmp_path, script):
    """Lets a script take Python's place; it finds the command in "$@"."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


def test_a_process_trains_it_and_its_results_are_kept(run, tmp_path, monkeypatch):
    wanted = run("mldg")
    _leave(wanted)
    paces = ["1,nan,7", "50,160,3", "100,0,3", "150,128,3", "200,640,2"]
    log = "\n".join(["step,images_per_second,loss", *paces, ""])
    wanted.workdir.training_log.write_text(log)
    told = tmp_path / "told"
    _trained_by(monkeypatch, tmp_path, f'printf "%s\\n" "$@" > {told}; sleep 0.5')
    assert wanted.train() == 0
    assert told.read_text().split("\n")[:-1] == [
        "-m",
        "experiments.train",
        *wanted.command,
    ]
    cost = wanted.place.read()["cost"]
    assert cost["seconds_a_step"] == pytest.approx(64 / 160)  # Median of the paces.
    assert cost["images_seen"] == 256_000 and cost["training_images"] == IMAGES
    assert cost["encoder_passes"] == pytest.approx(1 + 2 * 2 / 3)
    assert cost["processes"] == 1 and 0 < cost["minutes"] < 1
    assert cost["processes_untimed"] == 0
    # The shell's, and not this process', which has TensorFlow.
    assert 0 < cost["peak_memory_gib"] < 0.1


def test_what_ppa_encodes_between_its_stages_is_counted(run, tmp_path, monkeypatch):
    wanted = run("ppa")
    _leave(wanted)
    _trained_by(monkeypatch, tmp_path, "exit 0")
    assert wanted.train() == 0
    seen = wanted.place.read()["cost"]["images_seen"]
    assert 256_000 <= seen < 256_064


@pytest.mark.parametrize(
    ("script", "status"), [("exit 3", 3), ("kill -9 $$", -signal.SIGKILL)]
)
def test_a_failed_process_leaves_no_results_and_its_cost_adds_up(
    script, status, run, tmp_path, monkeypatch
):
    wanted = run("dimn")
    wanted.workdir.root.mkdir(parents=True)
    (wanted.workdir.root / "lock").touch()  # As training begins.
    _trained_by(monkeypatch, tmp_path, f"sleep 0.2; {script}")
    for processes in (1, 2):
        assert wanted.train() == status
        assert not wanted.is_done
        cost = json.loads((wanted.workdir.root / "cost.json").read_text())
        assert cost["processes"] == processes and cost["processes_untimed"] == 0
        assert cost["minutes"] >= processes * 0.2 / 60
        assert cost["seconds_a_step"] == 0  # It logged nothing.


def test_a_process_that_never_made_its_folder_leaves_none(run, tmp_path, monkeypatch):
    _trained_by(monkeypatch, tmp_path, "exit 1")
    assert run("dimn").train() == 1
    assert not (tmp_path / "runs").exists()


def test_results_of_other_targets_that_a_finished_run_left_are_not_kept(
    run, tmp_path, monkeypatch
):
    """`train` leaves them where they are, and writes the new ones beside."""
    wanted = run("dimn")
    _leave(wanted, targets=["viper"])
    _trained_by(monkeypatch, tmp_path, "exit 0")
    with pytest.raises(errors.UserError) as caught:
        wanted.train()
    told = str(caught.value)
    assert f"{wanted.workdir.results}: made with --targets=viper, now" in told
    assert not wanted.is_done


@pytest.mark.parametrize(
    "target", [_target("of other trials"), _target(images="of other labels")]
)
@pytest.mark.parametrize("evaluated", [True, False])
def test_a_finished_runs_results_on_older_trials_are_not_kept_as_the_new_ones(
    target, evaluated, run, tmp_path, monkeypatch
):
    """`train` leaves results.json alone, and writes the new results beside it."""
    wanted = dataclasses.replace(run("dimn"), targets=[target])
    left = _leave(wanted)
    figures = json.loads(left.results.read_text())
    figures["targets"]["viper"]["images_sha256"] = "of the labels"
    left.results.write_text(json.dumps(figures))
    before = left.results.read_bytes()
    # As `train` evaluates the finished run once more: the other APs, 0.5 and 0.25.
    new = results_files.place(left.results, [target], "dimn", 4000, "refuse")
    assert new.parent.name == "evaluations"
    if evaluated:
        other = made_up.run(tmp_path / "other", {"viper": [0.5, 0.25]})
        values = json.loads(other.results.read_text())["targets"]
        hashes = {"trials_sha256": target.trials_sha256}
        if target.images_sha256:
            hashes["images_sha256"] = target.images_sha256
        values["viper"].update(hashes)
        new.parent.mkdir()
        new.write_text(json.dumps({**figures, "targets": values}))
        beside = results_files.probes_path(other.results)
        beside.rename(results_files.probes_path(new))
    _trained_by(monkeypatch, tmp_path, "exit 0")
    if evaluated:
        assert wanted.train() == 0
        kept = wanted.place.read()["targets"]["viper"]
        assert kept["mAP"]["mean"] == 37.5 and kept.items() >= hashes.items()
    else:
        with pytest.raises(errors.UserError) as caught:
            wanted.train()
        assert f"{left.results}: of dimn at step 4000, and not on" in str(caught.value)
        assert not wanted.is_done
    assert left.results.read_bytes() == before


def test_results_of_another_step_are_not_kept(run, tmp_path, monkeypatch):
    wanted = run("dimn")
    left = _leave(wanted)
    figures = json.loads(left.results.read_text()) | {"step": 3000}
    left.results.write_text(json.dumps(figures))
    _trained_by(monkeypatch, tmp_path, "exit 0")
    with pytest.raises(errors.UserError, match="results.json: of dimn at step 3000"):
        wanted.train()
    assert not wanted.is_done


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("dimn", {"memory_bank": False}, "--memory_bank=false: with it dimn would be"),
        ("dimn", {"domain_sampling": "all"}, "dimn would be dimn_mixed_domains"),
        ("aggregation", {"domain_sampling": "uniform"}, "be aggregation_one_domain"),
    ],
)
def test_an_option_that_makes_a_row_another_is_refused(name, given, told, run):
    with pytest.raises(errors.UserError, match=told):
        _ = run(name, **given).recorded


@pytest.mark.parametrize("name", ["pcb", "dimn_no_memory", "dimn_mixed_domains"])
def test_a_row_of_another_name_takes_it(name, run):
    assert run(name, domain_sampling="all").recorded["domain_sampling"] == "all"


@pytest.mark.parametrize("damaged", [(), ("log",), ("log", "disk")])
def test_an_interruption_ends_the_process_too(damaged, run, tmp_path, monkeypatch):
    """Whatever else is wrong: a comparison takes other errors for a failed row."""
    ready, ended = tmp_path / "ready", tmp_path / "ended"
    wanted = run("dimn")
    wanted.workdir.root.mkdir(parents=True)
    (wanted.workdir.root / "lock").touch()  # As training begins.
    if "log" in damaged:
        wanted.workdir.training_log.write_text("no log\n1,2\n")
    if "disk" in damaged:

        def full(*arguments):
            raise errors.UserError("No space left on device")

        monkeypatch.setattr(row_cost, "end", full)
    _trained_by(
        monkeypatch,
        tmp_path,
        f"trap 'touch {ended}; exit 143' TERM; touch {ready}; "
        "while :; do sleep 0.05; done",
    )

    def interrupt():
        while not ready.exists():
            time.sleep(0.01)
        time.sleep(0.5)  # Until it is waited for.
        os.kill(os.getpid(), signal.SIGINT)

    # Shells start what runs in the background deaf to it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            wanted.train()
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.exists()
    if "disk" not in damaged:
        cost = json.loads((wanted.workdir.root / "cost.json").read_text())
        assert cost["minutes"] > 0 and cost["processes_untimed"] == 0
