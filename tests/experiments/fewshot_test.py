"""The few-shot command as a newcomer runs it, on a made-up incomplete archive."""

import dataclasses
import io
import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from data_builders import registry
from data_builders.mini_imagenet import classes
from dimn_tf import errors, fewshot
from dimn_tf.fewshot import episodes, options, row_files, run, run_data
from dimn_tf.training import workdir
from experiments import fewshot_costs, fewshot_results, row_cost, timed_process
from tests.dimn_tf.fewshot import made_up
from tests.experiments.launcher import launch

MADE_WITH = {
    "dataset": "mini_imagenet/partial",
    "encoder_width": 0.0625,
    "train_queries": 2,
    "train_steps": 4,
    "evaluate_every": 2,
    "test_episodes": 6,
    "validation_episodes": 3,
    "test_queries": 2,
}
"""What a row's file records of `SMALL`."""
SMALL = (
    *(f"--{name}={value}" for name, value in MADE_WITH.items()),
    "--checkpoint_every=2",
    "--log_every=2",
)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Flags of an archive of five classes a split, eight images each."""
    root = tmp_path_factory.mktemp("fewshot")
    folder = root / "archives" / "mini_imagenet"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        names = [n for n, s in sorted(classes.SPLIT_OF.items()) if s == split][:5]
        lines = ["filename,label"]
        for name in names:
            colour = rng.uniform(0, 255, 3)
            for i in range(8):
                buffer = io.BytesIO()
                pixels = np.clip(colour + rng.normal(0, 30, (84, 84, 3)), 0, 255)
                Image.fromarray(pixels.astype(np.uint8)).save(buffer, "JPEG")
                file = f"{name}{i:08}.jpg"
                (folder / "images" / file).write_bytes(buffer.getvalue())
                lines.append(f"{file},{name}")
        (folder / f"{split}.csv").write_text("\n".join(lines) + "\n")
    return root, (
        f"--data_dir={root / 'tfds'}",
        f"--manual_dir={root / 'archives'}",
    )


def _hashes(data):
    """Of the images of `places`, which are built first."""
    (data_dir,) = (flag for flag in data if flag.startswith("--data_dir="))
    (manual_dir,) = (flag for flag in data if flag.startswith("--manual_dir="))
    reference, data_dir = MADE_WITH["dataset"], data_dir.partition("=")[2]
    registry.build(reference, data_dir, manual_dir.partition("=")[2])
    return run_data.sha256_of(run_data.load(reference, data_dir))


@pytest.mark.parametrize("other", ["images", "ways"])
@pytest.mark.parametrize("method", ["dimn", "all"])
def test_rows_of_another_table_are_refused_before_any_training(
    method, other, places, tmp_path, monkeypatch
):
    def never(*_, **__):
        raise AssertionError("a row was trained")

    monkeypatch.setattr(timed_process, "run", never)
    monkeypatch.setattr(run, "train_and_test", never)
    changes = {"images_sha256": {**_hashes(places[1]), "test": "other"}}
    if other == "ways":
        changes = {"images_sha256": _hashes(places[1]), "ways": 4}
    flags = {**MADE_WITH, "shots": 1}
    row = made_up.write_row(tmp_path, "proto_net", 1, flags=flags, **changes)
    before = row.read_bytes()
    told = launch(
        "fewshot", *SMALL, *places[1], f"--method={method}",
        f"--workdir={tmp_path / 'runs'}", f"--results_dir={tmp_path}", code=1,
    )  # fmt: skip
    assert f"{row}: of " in told and "what is asked for now" in told
    assert row.read_bytes() == before and not (tmp_path / "runs").exists()


def test_a_row_is_trained_tested_and_kept(places, tmp_path):
    _, data = places
    arguments = (
        *SMALL, *data, "--method=proto_net", "--train_ways=4",
        f"--workdir={tmp_path / 'run'}", f"--results_dir={tmp_path / 'table'}",
    )  # fmt: skip
    printed = launch("fewshot", *arguments)
    assert "Training proto_net on 5 classes, 12 images a step" in printed
    assert (
        "step 2: " in printed
        and "% on validation classes (1-shot, 3 episodes)" in printed
    )
    assert "proto_net, 5-way 1-shot: " in printed and "(6 episodes" in printed
    kept = json.loads((tmp_path / "table" / "proto_net_1shot.json").read_text())
    assert kept == json.loads((tmp_path / "run" / "results.json").read_text())
    assert kept["flags"]["dataset"] == "mini_imagenet/partial" and kept["filters"] == 4
    assert (tmp_path / "run" / "loss_curves.png").stat().st_size > 1000
    row = tmp_path / "table" / "proto_net_1shot.json"
    row.write_text(json.dumps({**kept, "cost": {"minutes": 3.0}}))
    again = launch("fewshot", *arguments)
    assert "trained already, 4 of 4 steps" in again
    assert json.loads(row.read_text())["cost"] == {"minutes": 3.0}
    others = {**kept, "per_episode": [2.0] * 6, "accuracy": 1.0}
    row.write_text(json.dumps(others))
    told = launch("fewshot", *arguments, code=1)
    assert "proto_net_1shot.json: holds another run's figures of these flags" in told
    assert json.loads(row.read_text()) == others
    row.write_text(json.dumps(kept))
    repeated = json.loads((tmp_path / "run" / "results.json").read_text())
    assert repeated["per_episode"] == kept["per_episode"]
    told = launch("fewshot", *arguments, "--learning_rate_start=1", code=1)
    assert "proto_net_1shot.json: made with --learning_rate_start=0.00035" in told
    alone = arguments[:-1]
    told = launch("fewshot", *alone, "--learning_rate_start=1", code=1)
    assert "--learning_rate_start: made with 0.00035, now 1" in told
    # Another test of the same weights replaces no figures.
    before = (tmp_path / "run" / "results.json").read_bytes()
    told = launch("fewshot", *alone, "--test_statistics=episode")
    (other,) = (tmp_path / "run").glob("results_1shot_episode_6_*.json")
    assert f"Results: {other}" in told
    assert json.loads(other.read_text())["statistics"] == "episode"
    assert (tmp_path / "run" / "results.json").read_bytes() == before
    launch("fewshot", *arguments)


def test_figures_on_other_images_replace_none(tmp_path):
    directory = workdir.WorkDir(tmp_path)
    one = made_up.figures("dimn", 1)
    other = {**one, "images_sha256": {**one["images_sha256"], "test": "other"}}
    asked = {**one, "flags": {**one["flags"], "test_episodes": 7}}
    assert fewshot_results.place_of(directory, {}, one) == directory.results
    assert fewshot_results.place_of(directory, one, one) == directory.results
    older = {"flags": one["flags"]}  # It tells no images.
    assert fewshot_results.place_of(directory, older, one) == directory.results
    places = [
        fewshot_results.place_of(directory, one, found) for found in (other, asked)
    ]
    places.append(fewshot_results.place_of(directory, one, {**asked, **_images(other)}))
    assert len({*places, directory.results}) == 4
    assert {path.parent for path in places} == {tmp_path}


def _images(figures):
    return {"images_sha256": figures["images_sha256"]}


@pytest.mark.parametrize("text", ["{", "[]", ""])
@pytest.mark.parametrize(
    ("method", "folder"), [("proto_net", ""), ("all", "proto_net_1shot")]
)
def test_damaged_results_are_told_before_training(
    method, folder, text, places, tmp_path, monkeypatch
):
    results = tmp_path / "run" / folder / "results.json"
    results.parent.mkdir(parents=True)
    results.write_text(text)
    monkeypatch.setattr(timed_process, "run", None)
    told = launch(
        "fewshot", *SMALL, *places[1], f"--method={method}", "--own=dimn:train_ways=4",
        "--own=ppa:train_ways=4", "--own=ppa:ppa_mapping_steps=2",
        "--own=reptile:reptile_train_shots=3", "--own=proto_net:train_ways=4",
        f"--workdir={tmp_path / 'run'}", f"--results_dir={tmp_path / 'table'}", code=1,
    )  # fmt: skip
    assert told.startswith(f"error: {results}: not the figures of a test (")
    assert not list(tmp_path.rglob("checkpoints"))
    assert results.read_text() == text


def test_episodes_of_a_built_archive_never_mix_splits(places):
    data_dir, manual_dir = (flag.partition("=")[2] for flag in places[1])
    registry.build("mini_imagenet/partial", data_dir, manual_dir)
    for split, space in run_data.load("mini_imagenet/partial", data_dir).items():
        drawn = episodes.Episodes(space, 4, 2, 3, seed=0)
        (domain,) = space.domains
        names = domain.records.file_names[domain.image_indices]
        seen = set()
        for number in range(100):
            episode = drawn.episode(number)
            taken = names[np.concatenate([episode.support, episode.queries], axis=1)]
            assert taken.shape == (4, 5) and len(set(taken.ravel())) == 20
            for row in taken:
                assert len({name[:9] for name in row}) == 1  # One class.
                seen |= {name[:9] for name in row}
        assert {classes.SPLIT_OF[name] for name in seen} == {split}
        assert len(seen) == 5


@pytest.mark.parametrize("name", ["fewshot.flags", "fewshot_small.flags"])
def test_flag_files_give_every_row_options_that_it_has(name):
    """Each row's recipe and test, as `--method=all` makes them."""
    code = (
        "import dataclasses, json, sys\n"
        "from absl import flags\n"
        "from dimn_tf import fewshot\n"
        "from dimn_tf.fewshot import options\n"
        "from experiments import fewshot as command, own_flags\n"
        "command.define()\n"
        "flags.FLAGS(sys.argv)\n"
        "own = own_flags.read()\n"
        "rows = {}\n"
        "for method in fewshot.METHODS:\n"
        "    for shots in options.SHOTS:\n"
        "        made, test = own_flags.options_of(method, shots, own)\n"
        "        rows[f'{method}_{shots}'] = {\n"
        "            **made.recorded(), **dataclasses.asdict(test)}\n"
        "asked = {(method, shots): own_flags.options_of(method, shots, own)\n"
        "         for method in fewshot.METHODS for shots in options.SHOTS}\n"
        "rows['folders'] = [command._folder_of(*row, asked) for row in asked]\n"
        "print(json.dumps(rows))\n"
    )
    given = [f"--flagfile={name}", "--method=all", "--workdir=w"]

    def told(*more):
        done = subprocess.run(
            [sys.executable, "-c", code, *given, *more],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return json.loads(done.stdout.splitlines()[-1])

    rows = told()
    folders = rows.pop("folders")
    # What is trained and validated alike is one run.
    assert len(set(folders)) == 11 and {"dimn", "ppa", "reptile"} <= set(folders)
    others = told("--own=reptile_5shot:reptile_test_steps=3")["folders"]
    assert {"reptile_1shot", "reptile_5shot"} <= set(others)
    # Which steps are there to choose from is part of it.
    others = told("--own=dimn_5shot:evaluate_every=100")["folders"]
    assert {"dimn_1shot", "dimn_5shot"} <= set(others)
    assert len(rows) == 14
    assert {row["test_episodes"] for row in rows.values()} == {1000}
    # What the methods' papers fix, in both files.
    assert rows["meta_lstm_5"]["batch_norm_momentum"] == 0.05
    assert rows["meta_lstm_1"]["batch_norm_momentum"] == 0.1
    assert not rows["maml_1"]["maml_first_order"] and rows["maml_1"]["maml_clip"] == 10
    # A small run's own start and end.
    is_small = name == "fewshot_small.flags"
    assert rows["maml_1"]["learning_rate_end"] == (2e-4 if is_small else 1e-3)
    for row in ("maml_1", "maml_5", "meta_lstm_1", "meta_lstm_5"):
        assert rows[row]["zero_output"] == is_small
    assert rows["dimn_1"]["encoder"] == rows["ppa_5"]["encoder"] == "conv4_mean"
    assert all(row["train_ways"] < 64 for row in rows.values())
    size = 0 if name == "fewshot.flags" else 1
    assert rows["matching_net_1"].get("matching_context") is (size == 0)
    assert rows["proto_net_1"]["train_ways"] == (30, 20)[size]


FULL, PART = "--flagfile=fewshot.flags", "--flagfile=fewshot_small.flags"


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        ([PART, "--method=meta_lstm"], "test_statistics", "support"),
        (
            [PART, "--method=meta_lstm", "--test_statistics=moving"],
            "test_statistics",
            "moving",
        ),
        (
            ["--test_statistics", "moving", PART, "--method=meta_lstm"],
            "test_statistics",
            "moving",
        ),
        ([PART, "--method=meta_lstm"], "zero_output", True),
        ([PART, "--method=meta_lstm", "--nozero_output"], "zero_output", False),
        # A default is typed as well.
        ([PART, "--method=maml", "--tasks=1"], "tasks", 1),
        # General flags of the file and its --own for the same name, as before.
        ([FULL, "--method=dimn"], "learning_rate_start", 3.5e-4),
        (
            ["--learning_rate_start=1", FULL, "--method=dimn"],
            "learning_rate_start",
            3.5e-4,
        ),
        ([FULL, "--method=proto_net"], "train_ways", 30),
        ([FULL, "--method=proto_net", "--own=proto_net:train_ways=9"], "train_ways", 9),
        (["--own=proto_net:train_ways=9", FULL, "--method=proto_net"], "train_ways", 9),
        (
            [
                FULL, "--method=proto_net", "--own=proto_net_1shot:train_ways=8",
                "--own=proto_net:train_ways=9", "--train_ways=7",
            ],
            "train_ways",
            8,
        ),
    ],
)  # fmt: skip
def test_what_is_typed_goes_before_a_flag_files_own(
    arguments, name, value, places, tmp_path, monkeypatch
):
    seen = {}

    def train_and_test(recipe, test, *others):
        seen.update(
            dataclasses.asdict(recipe.method_options)
            | dataclasses.asdict(recipe.optimiser)
            | dataclasses.asdict(test)
        )
        raise errors.UserError("seen")

    monkeypatch.setattr(run, "train_and_test", train_and_test)
    place = f"--workdir={tmp_path / 'run'}"
    told = launch(
        "fewshot", *arguments, *places[1], place, "--dataset=mini_imagenet/partial",
        code=1,
    )  # fmt: skip
    assert told == "error: seen\n"
    assert seen[name] == value


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--own=maml"], "--own=maml: expected METHOD:FLAG=VALUE"),
        (["--own=maml:no=1"], "--own=maml:no=1: expected METHOD:FLAG=VALUE"),
        (["--own=mam:tasks=1"], "--own=mam:tasks=1: expected METHOD:FLAG=VALUE"),
        (["--own=dimn:maml_clip=1"], "--own=dimn:maml_clip=1: expected METHOD:"),
        (["--own=maml_2shot:tasks=1"], "--own=maml_2shot:tasks=1: expected METHOD:"),
        (["--own=maml:method=dimn"], "--own=maml:method=dimn: expected METHOD:"),
        (["--own=maml_1shot:tasks=0"], "--tasks=0: expected at least 1"),
        (["--own=maml:shots=2"], "--own=maml:shots=2: expected METHOD:FLAG=VALUE"),
        (["--own=maml:tasks=x"], "--own=maml:tasks=x: "),
        (["--own=maml:ways=6"], "--own=maml:ways=6: one table is of one data set and"),
        (["--own=dimn_5shot:dataset=a"], "--own=dimn_5shot:dataset=a: one table is of"),
        (["--own=maml:tasks=0"], "--tasks=0: expected at least 1"),
        (["--test_episodes=1"], "--test_episodes=1: expected at least 2"),
        (["--maml_clip=1", "--method=dimn"], "--method=dimn has no such option"),
        (["--test_statistics=moving"], "--method=maml can be tested with"),
        (["--method=all"], "give --results_dir"),
        (
            ["--method=all", "--results_dir=table", "--shots=3"],
            "--shots=3: --method=all makes each row at 1 and at 5 shots",
        ),
        (
            ["--dataset=viper"],
            "viper: found a data set of persons; expected one of classes, for few-shot "
            "learning: mini_imagenet",
        ),
        (["--ways=6"], "--ways=6: mini_imagenet/partial has 5 classes"),
        (["--results_dir=/dev/null"], "--results_dir=/dev/null: /dev/null is no fold"),
    ],
)
def test_what_cannot_be_is_one_line(places, tmp_path, flags, told):
    arguments = (*SMALL, *places[1], f"--workdir={tmp_path / 'run'}", "--method=maml")
    printed = launch("fewshot", *arguments, *flags, code=1)
    assert told in printed and printed.startswith("error: ")
    assert not list(tmp_path.rglob("*.json"))


def test_checkpoints_of_a_run_that_nobody_timed_are_counted(tmp_path):
    fewshot_costs.count_unseen(tmp_path / "none", 1)
    assert not (tmp_path / "none").exists()
    (tmp_path / "checkpoints").mkdir()
    for shots in (1, 5):  # The second finds the first one's count.
        fewshot_costs.count_unseen(tmp_path, shots)
    assert [path.name for path in tmp_path.glob("cost*")] == ["cost_1shot.json"]
    cost = json.loads((tmp_path / "cost_1shot.json").read_text())
    assert cost["processes"] == cost["processes_untimed"] == 1


def test_a_cost_that_a_killed_parent_did_not_add_is_made_up(places, tmp_path):
    table, runs = tmp_path / "table", tmp_path / "runs"
    table.mkdir()
    images = {split: "a" for split in ("train", "val", "test")}
    for method in fewshot.METHODS:
        for shots in options.SHOTS:
            flags = {**MADE_WITH, "shots": shots}
            row = made_up.figures(method, shots, images_sha256=images, flags=flags)
            if (method, shots) == ("maml", 5):
                row["cost"] = {"minutes": 3.0}
            path = row_files.path_of(table, method, shots)
            path.write_text(json.dumps(row))
    for folder, shots, minutes, lost in (
        ("dimn", 1, 12.0, 0),
        ("dimn", 5, 7.0, 1),
        ("maml_5shot", 5, 90.0, 0),
    ):
        (runs / folder).mkdir(parents=True, exist_ok=True)
        cost = {"minutes": minutes, "processes": 1, "processes_untimed": lost}
        (runs / folder / f"cost_{shots}shot.json").write_text(json.dumps(cost))
    printed = launch(
        "fewshot", *SMALL, *places[1], "--method=all", f"--workdir={runs}",
        f"--results_dir={table}",
    )  # fmt: skip
    assert printed.count("there already") == 14
    rows = json.loads((table / "results.json").read_text())["rows"]
    assert rows["dimn"]["1"]["cost"]["minutes"] == 12
    assert rows["maml"]["5"]["cost"] == {"minutes": 3.0}  # Was there.
    assert "cost" not in rows["maml"]["1"]
    (line,) = (x for x in printed.splitlines() if x.startswith("| DIMN |"))
    assert "| 12 / > 7 |" in line


def _older_cost(folder):
    older = {"minutes": 90.0, "processes": 3, "processes_untimed": 0}
    (folder / "cost.json").write_text(json.dumps(older))


@pytest.mark.parametrize(
    "leave",
    [
        _older_cost,
        lambda folder: (folder / "training_log.csv").write_text("step\n2\n"),
    ],
    ids=["an older version", "a log"],
)
def test_what_nobody_timed_of_a_run_is_counted_untimed(
    leave, places, tmp_path, monkeypatch
):
    """README's first command, then its second; the first row that goes on has it.

    An older version's one file of a folder was of all shots.
    """

    def run(command, place):
        row_cost.begin(place)
        return 1, {}

    monkeypatch.setattr(timed_process, "run", run)
    table, runs = tmp_path / "table", tmp_path / "runs"
    table.mkdir()
    images = _hashes(places[1])
    for row in itertools.product(fewshot.METHODS, options.SHOTS):
        if row[0] not in ("dimn", "proto_net"):
            flags = {**MADE_WITH, "shots": row[1]}
            figures = made_up.figures(*row, images_sha256=images, flags=flags)
            row_files.path_of(table, *row).write_text(json.dumps(figures))
    for folder in ("dimn", "proto_net_5shot"):
        (runs / folder).mkdir(parents=True)
        leave(runs / folder)
    for _ in range(2):
        told = launch(
            "fewshot", *SMALL, *places[1], "--method=all", f"--workdir={runs}",
            f"--results_dir={table}", "--own=dimn:train_ways=4",
            "--own=proto_net:train_ways=4", code=1,
        )  # fmt: skip
        assert "4 of 14 rows are missing" in told
    for place, lost in (
        ("dimn/cost_1shot.json", 3),
        ("dimn/cost_5shot.json", 2),
        ("proto_net_1shot/cost_1shot.json", 2),
        ("proto_net_5shot/cost_5shot.json", 3),
    ):
        cost = json.loads((runs / place).read_text())
        assert cost["processes"] == cost["processes_untimed"] == lost, place


@pytest.mark.slow
def test_all_rows_make_the_table_and_none_is_made_twice(places, tmp_path):
    _, data = places
    own = (
        "--own=maml:maml_inner_steps=1", "--own=maml:maml_test_steps=2",
        "--own=meta_lstm:lstm_updates=2", "--own=reptile:reptile_train_shots=3",
        "--own=reptile:reptile_test_steps=3", "--own=ppa:ppa_mapping_steps=2",
        "--own=dimn:train_ways=4", "--own=ppa:train_ways=4",
        "--own=proto_net:train_ways=5", "--own=proto_net_5shot:train_ways=4",
        "--own=proto_net_5shot:augment_flip=0.5",
    )  # fmt: skip
    table = tmp_path / "table"
    arguments = (
        *SMALL, *data, *own, "--method=all",
        f"--workdir={tmp_path / 'runs'}", f"--results_dir={table}",
    )  # fmt: skip
    table.mkdir()
    (table / "dimn_1shot.json").write_text("{}")
    told = launch("fewshot", *arguments, code=1)
    assert "dimn_1shot.json: not the figures of dimn, 1-shot" in told
    (table / "dimn_1shot.json").unlink()
    # What the last row's process would refuse is refused before the first one's.
    for wrong, told in (
        ("--own=proto_net_5shot:train_ways=9", "--train_ways=9: mini_imagenet/partial"),
        ("--own=ppa_5shot:ppa_mapping_steps=9", "--ppa_mapping_steps=9: more than"),
        ("--own=maml:test_statistics=moving", "--method=maml can be tested with"),
        ("--own=reptile:train_ways=4", "--train_ways=4: Reptile has"),
    ):
        assert told in launch("fewshot", *arguments, wrong, code=1)
        assert not (tmp_path / "runs").exists()
    printed = launch("fewshot", *arguments)
    assert "[14/14] proto_net, 5-shot" in printed
    rows = json.loads((table / "results.json").read_text())["rows"]
    assert len(rows) == 7
    for of_shots in rows.values():
        assert {k: row["episodes"] for k, row in of_shots.items()} == {"1": 6, "5": 6}
    assert rows["maml"]["1"]["flags"]["maml_inner_steps"] == 1
    assert rows["proto_net"]["1"]["train_batch"] == [1, 5, 3]
    assert rows["proto_net"]["5"]["train_batch"] == [1, 4, 7]
    assert rows["proto_net"]["5"]["flags"]["augment_flip"] == 0.5
    # One training serves both shots where none is trained for.
    runs = {path.name for path in (tmp_path / "runs").iterdir()}
    assert {"dimn", "ppa", "reptile", "maml_1shot"} <= runs and len(runs) == 11
    log = (tmp_path / "runs" / "dimn" / "training_log.csv").read_text()
    assert [line.split(",")[0] for line in log.splitlines()] == ["step", "2", "4"]
    assert rows["dimn"]["5"]["cost"]["processes"] == 1  # Which but tests.
    assert rows["maml"]["5"]["cost"]["processes"] == 1
    assert rows["maml"]["5"]["cost"]["minutes"] > 0
    assert "| MAML | " in (table / "table.md").read_text()
    assert (table / "table8.png").stat().st_size > 5000
    kept = {path: path.read_bytes() for path in table.glob("*shot.json")}
    (table / "maml_5shot.json").unlink()
    printed = launch("fewshot", *arguments)
    assert printed.count("there already") == 13
    for path, before in kept.items():
        if path.name != "maml_5shot.json":
            assert path.read_bytes() == before
    again = json.loads(kept[table / "maml_5shot.json"])
    found = json.loads((table / "maml_5shot.json").read_text())
    assert found["per_episode"] == again["per_episode"]
