"""`compare`: which rows are trained, what is skipped, refused, told and written."""

import functools
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from dimn_tf import errors
from dimn_tf.comparison import gathered, rows
from dimn_tf.data import label_space, records
from dimn_tf.evaluation import targets
from dimn_tf.training import checkpoints
from dimn_tf.training import run as training_run
from experiments import row_run
from tests.dimn_tf.comparison import made_up
from tests.experiments import launcher

SOURCES = "synthetic_reid/plaza,synthetic_reid/mall"
TARGET = "synthetic_reid/mall"  # A source too: a domain less to render.
APS = {TARGET: [0.5, 0.25, 0.8]}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of two built domains."""
    folder = tmp_path_factory.mktemp("compare") / "tfds"
    launcher.launch(
        "build_datasets",
        f"--datasets={SOURCES}",
        f"--data_dir={folder}",
    )
    return folder


@pytest.fixture
def flags(data, tmp_path):
    return (
        f"--data_dir={data}",
        f"--manual_dir={tmp_path}",
        f"--workdir={tmp_path / 'runs'}",
        f"--results_dir={tmp_path / 'results'}",
        f"--sources={SOURCES}",
        f"--targets={TARGET}",
        "--encoder=mobilenet_v2",
        "--encoder_width=0.35",
        "--encoder_weights=none",
        "--image_height=32",
        "--image_width=32",
        "--pcb_parts=2",
    )


@pytest.fixture
def trained(data, monkeypatch):
    """The rows that were trained, in turn, each by a stand-in; `status` by row."""
    told = []
    status = {}
    sources_sha256 = training_run.sha256_of(
        label_space.LabelSpace.build(
            [records.load_records(name, data) for name in SOURCES.split(",")]
        )
    )

    hashes = targets.load_target(TARGET, data).hashes

    def train(self):
        told.append((self.place.name, self.place.seed))
        assert [target.hashes for target in self.targets] == [hashes]
        if status.get(self.place.name):
            return status[self.place.name]
        values = json.loads(json.dumps(self.recorded))
        left = made_up.run(self.workdir.root, APS, sources_sha256, **values)
        figures = json.loads(left.results.read_text())
        figures["targets"][TARGET].update(hashes)
        left.results.write_text(json.dumps(figures))
        self.place.keep(left, {**made_up.COST, "training_images": self.training_images})
        return 0

    monkeypatch.setattr(row_run.RowRun, "train", train)
    few = functools.partial(gathered.gather, resamples=100)
    monkeypatch.setattr(gathered, "gather", few)
    return told, status


def test_every_row_is_trained_once_and_the_tables_are_there(flags, trained, tmp_path):
    told, _ = trained
    printed = launcher.launch("compare", *flags, "--more_seeds=dimn:1,aggregation:2")
    assert told == [*((name, 0) for name in rows.ROWS), ("dimn", 1), ("aggregation", 2)]
    count = len(told)
    assert f"[1/{count}] aggregation, seed 0: {tmp_path / 'runs'}" in printed
    folder = tmp_path / "results"
    assert (folder / "tables.md").read_text() in printed
    assert printed.endswith(f"Tables, plot and results: {folder}\n")
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads((folder / "results.json").read_text())
    assert set(record["rows"]) == set(rows.ROWS)
    assert record["command"].startswith("python -m experiments.compare --data_dir=")
    for row in record["rows"].values():
        assert set(row["targets"]) == set(APS) and "mAP" in row["mean"]
    again = launcher.launch("compare", *flags, "--more_seeds=dimn:1,aggregation:2")
    assert len(told) == count and again.count(": there already, ") == count


def test_what_is_there_needs_no_data(flags, trained, tmp_path):
    told, _ = trained
    launcher.launch("compare", *flags, "--rows=ppa,dimn")
    others = [flag for flag in flags if not flag.startswith("--data_dir")]
    printed = launcher.launch(
        "compare", *others, f"--data_dir={tmp_path / 'none'}", "--rows=ppa,dimn"
    )
    assert printed.count("there already") == 2 and len(told) == 2


def test_a_row_that_fails_keeps_no_other_and_is_tried_again(flags, trained, tmp_path):
    told, status = trained
    status.update(pcb=1, mldg=-9)
    error = launcher.launch("compare", *flags, "--rows=pcb,mldg,dimn", code=1)
    assert [name for name, _ in told] == ["pcb", "mldg", "dimn"]
    assert error.startswith("error: 2 of 3 rows are missing")
    assert "pcb, seed 0: ended with exit status 1" in error
    assert "mldg, seed 0: ended with signal 9" in error
    record = tmp_path / "results" / "results.json"
    assert set(json.loads(record.read_text())["rows"]) == {"dimn"}
    status.clear()
    launcher.launch("compare", *flags, "--rows=pcb,mldg,dimn")
    assert [name for name, _ in told[3:]] == ["pcb", "mldg"]
    assert set(json.loads(record.read_text())["rows"]) == {"pcb", "mldg", "dimn"}


def test_the_tables_are_written_after_each_row(flags, trained, tmp_path, monkeypatch):
    train, seen = row_run.RowRun.train, []
    record = tmp_path / "results" / "results.json"

    def looked(self):
        seen.append(
            set(json.loads(record.read_text())["rows"]) if record.is_file() else set()
        )
        return train(self)

    monkeypatch.setattr(row_run.RowRun, "train", looked)
    launcher.launch("compare", *flags, "--rows=pcb,mldg,dimn")
    assert seen == [set(), {"pcb"}, {"pcb", "mldg"}]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("--method=dimn", "--method=dimn: each row has its own"),
        ("--rows=dimn,pcp", "--rows: there is no pcp. Known: aggregation, pcb"),
        ("--rows=", "--rows=: name some of aggregation, pcb"),
        ("--more_seeds=dimn:9999999999", "--seed=9999999999: expected at most"),
        ("--memory_bank=false", "--memory_bank=false: with it dimn would be"),
        ("--targets=heldout", "--targets=heldout: no identity is set aside"),
        ("--results_dir=/dev/null", "--results_dir=/dev/null: /dev/null is no folder"),
        ("--results_dir=/dev/null/a", "--results_dir=/dev/null/a: /dev/null is no"),
        ("--more_seeds=dimn", "--more_seeds=dimn: expected ROW:SEED"),
        ("--more_seeds=dimn:-1", "--more_seeds=dimn:-1: expected ROW:SEED"),
        ("--more_seeds=pcp:1", "--more_seeds=pcp:1: expected ROW:SEED"),
        ("--train_images=100", "--train_images=100: --method=ppa encodes each"),
        ("--image_height=4", "--image_height=4: expected at least 8"),
        ("--ranked_probes=-1", "--ranked_probes=-1: expected at least 0"),
        (  # Which the last rows' processes would tell of.
            "--learning_rate_decay=cosine",
            "ppa of --rows: --learning_rate_decay=cosine: this method's",
        ),
        (
            "--average_weights_from=0.5",
            "ppa of --rows: --average_weights_from=0.5: --method=ppa trains",
        ),
        (
            "--ppa_mapping_steps=200000",
            "ppa of --rows: --ppa_mapping_steps=200000: more than the run's",
        ),
        (
            "--hard_share=0.5",
            "reptile of --rows: --hard_share=0.5: --method=reptile has",
        ),
        (
            "--feature_neck --rows=dimn,aligned_reid --noaligned_identification",
            "aligned_reid of --rows: --feature_neck: --noaligned_identification",
        ),
        (
            "--rows=dimn,pcb --pcb_parts=3",
            "pcb of --rows: --pcb_parts=3: the encoder's feature map has 2 rows",
        ),
        (
            "--encoder=resnet50 --encoder_width=1.0 --instance_norm_through=block_12",
            "aggregation of --rows: --instance_norm_through=block_12: resnet50 has no",
        ),
        (
            "--rows=aggregation,mldg --replicas=32 --nomldg_whole_batches",
            "mldg of --rows: --replicas=32: of --identities_per_batch=32 each has 1",
        ),
        (
            "--identities_per_batch=600",
            "aggregation of --rows: all sources together: found ",
        ),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(
    given, told, flags, trained, tmp_path
):
    error = launcher.launch("compare", *flags, *given.split(), code=1)
    assert error.startswith(f"error: {told}")
    assert not trained[0] and not (tmp_path / "runs").exists()
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("done", [False, True])
def test_a_runs_work_directory_is_no_comparisons_folder(done, flags, trained, tmp_path):
    """Its results.json would be replaced by the comparison's."""
    folder = tmp_path / "results"
    if done:
        launcher.launch("compare", *flags, "--rows=dimn")
        (folder / "results.json").unlink()
    made = made_up.run(tmp_path / "run", APS)
    folder.mkdir(exist_ok=True)
    made.results.rename(folder / "results.json")
    before = (folder / "results.json").read_bytes()
    error = launcher.launch("compare", *flags, "--rows=dimn", code=1)
    assert error.startswith(f"error: --results_dir={folder}: {folder}/results.json has")
    assert (folder / "results.json").read_bytes() == before
    assert len(trained[0]) == done


def test_a_seed_of_a_row_that_is_not_wanted_is_left_out(flags, trained):
    launcher.launch("compare", *flags, "--rows=dimn", "--more_seeds=dimn:0,pcb:1")
    assert trained[0] == [("dimn", 0)]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (  # Of the same row.
            ("--rows=pcb,dimn", "--triplet_margin=0.5"),
            "dimn_seed0.json: made with --triplet_margin=0.8, now 0.5",
        ),
        (  # Of another row, in the same tables.
            ("--rows=pcb", "--augment_flip=0.25"),
            "pcb_seed0.json: --augment_flip: 0.25, but ",
        ),
    ],
)
def test_results_of_other_flags_are_told_before_training(given, told, flags, trained):
    launcher.launch("compare", *flags, "--rows=dimn")
    assert told in launcher.launch("compare", *flags, *given, code=1)
    assert trained[0] == [("dimn", 0)]


def test_other_trials_are_told_before_training(flags, trained, tmp_path):
    launcher.launch("compare", *flags, "--rows=pcb")
    kept = tmp_path / "results" / "pcb_seed0.json"
    figures = json.loads(kept.read_text())
    figures["targets"][TARGET]["trials_sha256"] = "of others"
    kept.write_text(json.dumps(figures))
    error = launcher.launch("compare", *flags, "--rows=dimn", code=1)
    assert "dimn_seed0.json: not judged on the trials of " in error
    assert f"{TARGET} differ" in error and trained[0] == [("pcb", 0)]


def test_corrected_labels_of_a_target_are_told_before_training(
    flags, trained, tmp_path
):
    launcher.launch("compare", *flags, "--rows=pcb")
    kept = tmp_path / "results" / "pcb_seed0.json"
    figures = json.loads(kept.read_text())
    assert figures["targets"][TARGET]["images_sha256"]
    figures["targets"][TARGET]["images_sha256"] = "of others"
    kept.write_text(json.dumps(figures))
    error = launcher.launch("compare", *flags, "--rows=dimn", code=1)
    assert f"dimn_seed0.json: persons or cameras of {TARGET}'s images are" in error
    assert trained[0] == [("pcb", 0)]


def test_sources_that_were_built_anew_are_told_before_training(
    flags, trained, tmp_path
):
    launcher.launch("compare", *flags, "--rows=pcb")
    kept = tmp_path / "results" / "pcb_seed0.json"
    of_others = {**json.loads(kept.read_text()), "sources_sha256": "of others"}
    kept.write_text(json.dumps(of_others))
    error = launcher.launch("compare", *flags, "--rows=dimn", code=1)
    assert "dimn_seed0.json: trained on " in error and "pcb_seed0.json on " in error
    assert trained[0] == [("pcb", 0)]


def test_other_seeds_have_no_heldout_people_in_common(flags, trained):
    error = launcher.launch(
        "compare",
        *flags,
        "--targets=heldout",
        "--holdout_identities=2",
        "--more_seeds=dimn:1",
        code=1,
    )
    assert error.startswith("error: --more_seeds=dimn:1: each seed sets other people")
    assert not trained[0]


def test_a_damaged_row_that_is_not_wanted_is_told_before_training(
    flags, trained, tmp_path
):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mldg_seed0.json").write_text("{")
    error = launcher.launch("compare", *flags, "--rows=ppa", code=1)
    assert "mldg_seed0.json: not the results of mldg" in error and not trained[0]


def test_an_option_that_no_wanted_row_has_is_told(flags, trained):
    printed = launcher.launch(
        "compare", *flags, "--rows=dimn", "--mldg_inner_rate=0.5", "--triplet_margin=1"
    )
    assert "--mldg_inner_rate=0.5: none of the wanted rows has it\n" in printed
    assert "--triplet_margin" not in printed


def test_where_all_rows_fail_it_is_that_what_is_told(
    flags, trained, tmp_path, monkeypatch
):
    def refused(self):
        raise errors.UserError("no place for it")

    trained[1].update(pcb=1)
    error = launcher.launch("compare", *flags, "--rows=pcb", code=1)
    assert error.startswith("error: 1 of 1 rows are missing")
    monkeypatch.setattr(row_run.RowRun, "train", refused)
    error = launcher.launch("compare", *flags, "--rows=pcb,mldg", code=1)
    assert error.startswith("error: 2 of 2 rows are missing")
    assert "mldg, seed 0: no place for it" in error
    assert not (tmp_path / "results").exists()


def _command(flags, names, steps, *others):
    return [
        sys.executable,
        "-m",
        "experiments.compare",
        *flags,
        f"--rows={','.join(names)}",
        "--identities_per_batch=8",
        f"--train_steps={steps}",
        "--ppa_mapping_steps=3",
        "--batch_norm_momentum=0.9",
        "--checkpoint_every=2",
        "--log_every=2",
        *others,
    ]


def _kill_after_a_checkpoint(command, run):
    killed = subprocess.Popen(command, cwd=launcher.ROOT, stdout=subprocess.PIPE)
    limit = time.monotonic() + 240
    kept = run / "checkpoints"
    while not checkpoints.whole_steps(kept) and time.monotonic() < limit:
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGTERM)
    killed.communicate(timeout=60)
    assert killed.returncode == 143
    assert not (run / "results.json").exists()


def _done(command):
    done = subprocess.run(
        command, cwd=launcher.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Going on from" in done.stdout
    return done.stdout


@pytest.mark.slow
def test_rows_in_processes_of_their_own(flags, tmp_path):
    """Killed in its second row, then trained to the end."""
    names = ("aggregation", "pcb", "dimn")
    command = _command(flags, names, 20, "--more_seeds=dimn:1")
    _kill_after_a_checkpoint(command, tmp_path / "runs" / "pcb_seed0")
    first = tmp_path / "results" / "aggregation_seed0.json"
    assert not (tmp_path / "results" / "pcb_seed0.json").exists()
    before = first.read_bytes()
    assert "aggregation, seed 0: there already" in _done(command)
    assert first.read_bytes() == before
    record = json.loads((tmp_path / "results" / "results.json").read_text())
    assert set(record["rows"]) == set(names)
    assert record["rows"]["pcb"]["cost"]["processes"] == 2
    assert set(record["rows"]["dimn"]["seeds"]) == {"0", "1"}
    for name, row in record["rows"].items():
        cost = row["cost"]
        assert cost["peak_memory_gib"] > 0.3 and cost["minutes"] > 0, name


@pytest.mark.slow
@pytest.mark.parametrize("name", rows.ROWS)
def test_each_row_is_killed_resumed_evaluated_and_exported(name, flags, tmp_path):
    run = tmp_path / "runs" / f"{name}_seed0"
    command = _command(flags, [name], 40)
    _kill_after_a_checkpoint(command, run)
    _done(command)
    record = json.loads((tmp_path / "results" / "results.json").read_text())
    trained = json.loads((run / "results.json").read_text())["targets"]
    assert trained == record["rows"][name]["targets"]
    launcher.launch("evaluate", f"--workdir={run}", "--output=again.json")
    assert json.loads((run / "again.json").read_text())["targets"] == trained
    # Each export is compared with the live model before it is there.
    launcher.launch("export", f"--workdir={run}", f"--export_dir={tmp_path / 'export'}")
    card = (tmp_path / "export" / "1" / "model_card.md").read_text()
    assert rows.ROWS[name].method in card
