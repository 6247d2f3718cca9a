"""Runs in a work directory: claims, refusals, logs, workers, broken losses."""

import dataclasses
import json
import math
import re
import shutil
import types

import numpy as np
import pytest
import tensorflow as tf

from data_builders import dummy_images, registry
from data_builders.reid_folder import listing
from dimn_tf import errors, methods
from dimn_tf.data import label_space, records
from dimn_tf.encoders import encoder
from dimn_tf.training import (
    checkpoints,
    init_from,
    run,
    strategies,
    training_log,
    workdir,
)
from dimn_tf.training import recipe as recipes
from tests.dimn_tf.training import tiny_run


def _train(directory, log=lambda line: None, **changes):
    return tiny_run.train(directory, log=log, **changes)


def _prepared(directory, strategy=None, **changes):
    tiny_run.install()
    return run.prepare(
        tiny_run.recipe_of(**changes),
        workdir.WorkDir(directory),
        data_dir="",
        log=lambda line: None,
        strategy=strategy,
    )


@pytest.mark.parametrize("column", ["person_ids", "camera_ids", "file_names"])
def test_another_person_camera_or_file_is_another_data_set(
    column, tmp_path, monkeypatch
):

    _prepared(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    load = records.load_records

    def changed(name, data_dir, splits=None):
        found = load(name, data_dir, splits)
        values = getattr(found, column).copy()
        # Of 9 persons' 3 images: person 9's last becomes person 8's.
        values[-1] = values[-1] - 1 if column == "person_ids" else values[0]
        return dataclasses.replace(found, **{column: values})

    monkeypatch.setattr(tiny_run, "install", lambda: None)
    monkeypatch.setattr(records, "load_records", changed)
    with pytest.raises(errors.UserError, match="sources_sha256 was"):
        _prepared(tmp_path)


@pytest.mark.parametrize(
    ("reference", "known"),
    [
        ("viper", "4f6407fd49f22bf88c5e510ee510647faa08c66a20ebaed534a2fd8e4c277717"),
        (
            "reid_folder:/caf\xe9",
            "8f526275ef1ca274fdf9f1db57bd1efbc5ebf3a493b8d6f143004c21e6898d7a",
        ),
        ("reid_folder:/caf\udce9", None),  # A name that is no UTF-8, as os.fsdecode.
    ],
)
def test_sources_have_the_same_hash_in_every_version(reference, known):
    """Runs that were made before go on."""
    names = ["a/1.png", "a/2.png", "b/1.png", "b/\xe9.png"]
    source = records.in_memory(reference, [b""] * 4, [1, 1, 2, 2], [1, 2, 1, 2], names)
    found = run.sha256_of(label_space.LabelSpace.build([source]))
    assert found == known if known else len(found) == 64


def test_who_is_held_out_is_written_and_not_trained_on(tmp_path):
    prepared = _prepared(tmp_path, holdout_identities=2, seed=3)
    written = json.loads((tmp_path / "holdout.json").read_text())
    assert written == prepared.space.holdout
    assert [len(persons) for persons in written.values()] == [2, 2]
    assert prepared.space.num_identities == 12
    assert workdir.read(workdir.WorkDir(tmp_path))["num_identities"] == 12
    other = _prepared(tmp_path / "other", holdout_identities=2, seed=4)
    assert other.space.holdout != written


def test_the_sources_are_shown_and_compared_with_what_is_published(tmp_path):
    lines = []
    tiny_run.install()
    run.build_label_space(tiny_run.recipe_of(), "", lines.append)
    assert "C = 16 identities in one label space." in lines[0]
    assert lines[1].startswith("Counts as published: nothing compared.")


@pytest.mark.parametrize("gone", [False, True])
def test_own_data_are_trained_on_by_their_records_alone(tmp_path, monkeypatch, gone):
    crops, data_dir = tmp_path / "crops", str(tmp_path / "tfds")
    dummy_images.write(crops, ["ann/1.png", "ann/2.png", "bo/1.png"])
    name = f"reid_folder:{crops}"
    registry.build(name, data_dir, None, lambda line: None)
    if gone:
        shutil.rmtree(crops)
    read, listed, lines = listing.read, [], []
    monkeypatch.setattr(listing, "read", lambda x: listed.append(x) or read(x))
    records.load_records(name, data_dir)
    needed = len(listed)
    recipe = recipes.from_values({"method": "dimn", "sources": [name]})
    space = run.build_label_space(recipe, data_dir, lines.append)
    assert (space.num_identities, space.num_images) == (2, 3)
    assert lines[1].endswith(
        f"Not compared (incomplete, or nothing published): {name}."
    )
    assert len(listed) == 2 * needed  # Opened, the place is not looked through again.


class _Workers:
    """The default strategy, as if this process were one of two workers."""

    def __init__(self, index):
        self.cluster_resolver = types.SimpleNamespace(
            task_type="worker",
            task_id=index,
            cluster_spec=lambda: types.SimpleNamespace(jobs=["worker"]),
        )

    def __getattr__(self, name):
        return getattr(tf.distribute.get_strategy(), name)


def test_one_worker_alone_writes(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(run.loop, "run", lambda *given, **_: started.append(given))
    for index in (0, 1):
        directory = tmp_path / str(index)
        prepared = _prepared(directory, _Workers(index))
        assert prepared.is_chief == (index == 0)
        run.train(prepared, log=lambda line: None)
        assert directory.exists() == (index == 0)
    kinds = [[type(hook).__name__ for hook in given[4]] for given in started]
    assert kinds == [["Progress", "TrainingLog", "SaveCheckpoints"], ["Progress"]]


def test_workers_compare_flags_and_data(tmp_path, monkeypatch):
    compared = []
    monkeypatch.setattr(
        strategies, "refuse_other_workers", lambda _, what: compared.append(what)
    )
    _prepared(tmp_path / "a")
    _prepared(tmp_path / "again")
    _prepared(tmp_path / "b", triplet_margin=0.5)
    _prepared(tmp_path / "c", sources=["cuhk02/partial"])
    _, findings = json.loads(compared[0])
    assert findings["num_identities"] == 16 and len(findings["sources_sha256"]) == 64
    assert compared[0] == compared[1]
    assert len(set(compared)) == 3


@pytest.mark.parametrize("kind", strategies._LOST_WORKER)
def test_a_worker_that_is_lost_is_told_where_there_are_others(
    kind, tmp_path, monkeypatch
):
    def lost(*_, **__):
        raise kind(None, None, "Connection reset by peer\nAdditional information")

    monkeypatch.setattr(run.loop, "run", lost)
    with pytest.raises(errors.UserError) as caught:
        run.train(_prepared(tmp_path / "a", _Workers(0)), log=lambda line: None)
    assert str(caught.value).startswith(
        "training stopped with another worker of TF_CONFIG: Connection reset by peer."
    )
    with pytest.raises(kind):
        run.train(_prepared(tmp_path / "b"), log=lambda line: None)


def test_the_loop_gets_the_runs_plan(tmp_path, monkeypatch):
    seen = []

    def loop_run(
        step,
        batches,
        start,
        end,
        hooks,
        strategy,
        jit_compile,
        steps_per_execution,
        renewed,
        renew_every,
    ):
        del step, batches, hooks, renewed
        seen.append(
            (start, end, strategy, jit_compile, steps_per_execution, renew_every)
        )

    monkeypatch.setattr(run.loop, "run", loop_run)
    given = {"jit_compile": True, "steps_per_execution": 4, "train_steps": 7}
    _train(tmp_path / "plain", **given)
    hard = {"hard_share": 1.0, "hard_search_every": 3}
    _train(tmp_path / "hard", **given, **hard)
    plan = (tf.distribute.get_strategy(), True, 4)
    assert seen == [(0, 7, *plan, 0), (0, 7, *plan, 3)]
    del seen[:]
    # PPA's second stage takes no images: there is nothing to renew.
    _train(tmp_path / "ppa", method="ppa", **{**given, **hard, "train_steps": 10})
    assert seen == [(0, 3, *plan, 3), (3, 10, *plan, 0)]


def test_a_run_that_goes_on_needs_no_weights_of_the_encoder(tmp_path, monkeypatch):
    from dimn_tf.encoders import encoder

    tiny_run.install()
    asked = []

    def network(**options):
        asked.append(options["weights"])
        return tiny_run.network(**{**options, "weights": None})

    kind = dataclasses.replace(encoder.BACKBONES["tiny"], build=network)
    monkeypatch.setitem(encoder.BACKBONES, "tiny", kind)
    monkeypatch.setattr(tiny_run.backbone, "Backbone", lambda *_, **__: kind)
    for _ in range(2):
        _train(tmp_path, encoder_weights="imagenet", train_steps=1)
    assert asked == ["imagenet", None]


def test_a_run_leaves_what_it_should(tmp_path):
    lines = []
    method = _train(tmp_path, lines.append, keep_checkpoints=2, checkpoint_every=3)
    assert int(method.optimizer.iterations) == 10
    kept = sorted(p.name for p in (tmp_path / "checkpoints").glob("*.index"))
    assert kept == ["ckpt-10.index", "ckpt-9.index"]
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["num_identities"] == 16
    assert config["triplet_margin"] == 0.8
    assert "checkpoint_every" not in config
    assert json.loads((tmp_path / "holdout.json").read_text()) == {
        "cuhk02/partial": [],
        "cuhk03/partial": [],
    }
    text = "\n".join(lines)
    assert "Training dimn on 16 identities, 8 images a step" in text
    assert "step 10/10 (100%)" in text and " images/s, 0 s left" in text
    rows = training_log.read(tmp_path / "training_log.csv")
    # 3.5e-4 * (1e-4 / 3.5e-4) ** (step / 10)
    for row in rows:
        assert row["learning_rate"] == pytest.approx(
            3.5e-4 * (1 / 3.5) ** (row["step"] / 10), rel=1e-5
        )
    assert rows[-1]["learning_rate"] == pytest.approx(1e-4)
    events = list((tmp_path / "tensorboard").iterdir())
    tags = {
        value.tag
        for event in tf.compat.v1.train.summary_iterator(str(events[0]))
        for value in event.summary.value
    }
    assert tags == set(rows[0]) - {"step"}
    assert {"images_per_second", "matching_accuracy", "logit_triplet"} <= tags


def test_another_value_that_changes_the_result_is_refused(finished, tmp_path):
    with pytest.raises(errors.UserError) as error:
        _train(tmp_path, triplet_margin=0.5, seed=3, checkpoint_every=2)
    text = str(error.value)
    assert "--triplet_margin: made with 0.8, now 0.5" in text
    assert "--seed: made with 0, now 3" in text
    assert "checkpoint_every" not in text
    with pytest.raises(errors.UserError, match='--method: made with "dimn", now'):
        _train(tmp_path, method="aggregation")


def test_intervals_may_differ(tmp_path):
    _train(tmp_path, checkpoint_every=4, log_every=5)
    _train(tmp_path, checkpoint_every=2, log_every=1, evaluate_every=3)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, monkeypatch):
    """Weights are broken in step 6: loss 7 is the first that shows it."""

    def broken(self, tape, loss, minimise=methods.Method.minimise):
        minimise(self, tape, loss)
        nan = tf.where(self.optimizer.iterations == 6, math.nan, 0.0)
        self.classifier.kernel.assign_add(tf.fill(self.classifier.kernel.shape, nan))

    monkeypatch.setattr(methods.Method, "minimise", broken)
    with pytest.raises(errors.UserError) as error:
        _train(tmp_path, checkpoint_every=2, keep_checkpoints=5)
    text = str(error.value)
    assert "not finite at step 7: " in text
    assert "identification nan" in text and "logit_triplet" in text
    # What is not finite comes first.
    terms = text.split("step 7: ")[1].split(". The last")[0].split(", ")
    broken = ["nan" in term for term in terms]
    assert broken == sorted(broken, reverse=True) and 0 < sum(broken) < len(broken)
    # ckpt-6 holds the broken weights; ckpt-4 gave the finite loss of step 5.
    assert text.count("ckpt-") == 1 and "checkpoints/ckpt-4. " in text


def test_without_a_good_checkpoint_none_is_named(tmp_path):
    with pytest.raises(errors.UserError, match="No checkpoint is known to be good"):
        # Adam's step is the rate itself, so step 2 cannot be finite.
        _train(tmp_path, learning_rate_start=1e30, checkpoint_every=1)


def test_evaluation_is_called_on_the_way_only(tmp_path):
    tiny_run.install()
    steps = []
    prepared = run.prepare(
        tiny_run.recipe_of(evaluate_every=4),
        workdir.WorkDir(tmp_path),
        data_dir="",
        log=lambda line: None,
    )
    run.train(prepared, lambda method, step: steps.append(step), log=lambda line: None)
    assert steps == [4, 8]


@pytest.mark.parametrize(("wanted", "every"), [(True, 0), (False, 2)])
def test_without_interval_or_evaluation_none_is_made(tmp_path, wanted, every):
    steps = []

    def evaluate(method, step):
        steps.append(step)

    prepared = _prepared(tmp_path, evaluate_every=every, train_steps=3)
    run.train(prepared, evaluate if wanted else None, log=lambda line: None)
    assert steps == []


@pytest.mark.parametrize("left_by_the_kill", [False, True])
def test_an_evaluation_that_was_killed_is_made_up(tmp_path, left_by_the_kill):
    tiny_run.install()
    directory, steps = workdir.WorkDir(tmp_path), []
    prepared = run.prepare(
        tiny_run.recipe_of(evaluate_every=5),
        directory,
        data_dir="",
        log=lambda line: None,
    )

    def die(method, step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.train(prepared, die, log=lambda line: None)
    if left_by_the_kill:  # Killed after it was written: not owed any more.
        directory.results_at(5).parent.mkdir()
        directory.results_at(5).write_text("{}")
    run.train(prepared, lambda method, step: steps.append(step), log=lambda line: None)
    assert steps == ([] if left_by_the_kill else [5])


def test_an_evaluation_that_is_owed_is_of_the_phase_that_it_was_due_in(tmp_path):
    """PCB's parts are soft ones from the second phase on, which begins after it."""
    tiny_run.install()
    given = {"method": "pcb_refined", "evaluate_every": 4}
    images = np.random.default_rng(0).uniform(0, 255, (3, 16, 8, 3)).astype("float32")

    def trained(name, at_four):
        seen = {}

        def evaluate(method, step):
            seen[step] = method.embed(images).numpy()
            if step == 4:
                at_four()

        directory = workdir.WorkDir(tmp_path / name)
        prepared = run.prepare(
            tiny_run.recipe_of(**given), directory, data_dir="", log=lambda line: None
        )
        run.train(prepared, evaluate, log=lambda line: None)
        return seen

    def die():
        raise KeyboardInterrupt

    whole = trained("whole", lambda: None)
    with pytest.raises(KeyboardInterrupt):
        trained("killed", die)
    again = trained("killed", lambda: None)
    assert set(again) == set(whole) >= {4, 8}
    np.testing.assert_allclose(again[4], whole[4], rtol=1e-5)


def test_replicas_that_do_not_divide_the_batch_are_refused(tmp_path):
    with pytest.raises(
        errors.UserError, match="--identities_per_batch=4.*--replicas=3"
    ):
        _train(tmp_path, replicas=3)
    whole = {"method": "mldg", "mldg_whole_batches": True, "identities_per_batch": 5}
    told = "--identities_per_batch=5 .10 identities a step: 5 of each of 2 sources."
    with pytest.raises(errors.UserError, match=f"{told} cannot be .*--replicas=3"):
        _train(tmp_path, replicas=3, **whole)
    # And what a source has too few identities for.
    whole["identities_per_batch"] = 8
    told = "found 7 .* at least 8, a source's share of --identities_per_batch=8 .16 "
    with pytest.raises(errors.UserError, match=told):
        _train(tmp_path, **whole)
    with pytest.raises(errors.UserError, match="--replicas=64: this machine has"):
        strategies.make(64)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("log_every", 0, "--log_every=0: expected at least 1"),
        ("train_steps", 0, "--train_steps=0: expected at least 1"),
        ("running_average", 2.0, "--running_average=2.0: expected at most 1"),
        ("label_smoothing", float("nan"), "--label_smoothing=nan: expected at least"),
        ("mapping_start", "foo", "--mapping_start=foo: expected one of identity"),
    ],
)
def test_values_out_of_range_are_named(name, value, expected):
    with pytest.raises(errors.UserError, match=expected):
        tiny_run.recipe_of(**{name: value})


@pytest.mark.parametrize(
    "options", [{"average_weights_from": 0.5}, {"hard_share": 1.0, "hard_group": 2}]
)
def test_a_run_starts_from_one_that_keeps_more_than_a_method(options, tmp_path):
    source = _train(tmp_path / "first", **options)
    lines = []
    _train(tmp_path / "second", lines.append, init_from=str(tmp_path / "first"))
    count = len(source.variables)
    told = f"{count} of {count} variables taken over"
    assert any("Starting from" in line and told in line for line in lines)


@pytest.mark.parametrize("start", ["aggregation", "crossgrad"])
def test_a_copy_of_the_encoder_starts_from_another_run_too(
    start, tmp_path, monkeypatch
):
    """CrossGrad's domain net; what another run had learnt of domains is kept."""
    source = _train(tmp_path / "first", method=start)
    kept = {}
    loaded = init_from.load

    def load(place, method, sources):
        taken = loaded(place, method, sources)
        after = method.after_taking_over

        def then(names):
            after(names)
            nets = (method.encoder, method.domain_encoder)
            kept["weights"] = [net.backbone.get_weights() for net in nets]

        method.after_taking_over = then
        return taken

    monkeypatch.setattr(init_from, "load", load)
    _train(tmp_path / "second", method="crossgrad", init_from=str(tmp_path / "first"))
    expected = source.encoder, getattr(source, "domain_encoder", source.encoder)
    for found, net in zip(kept["weights"], expected, strict=True):
        for mine, there in zip(found, net.backbone.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, there)


def test_a_run_starts_from_another_one(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    source = _train(first, method="aggregation")
    lines = []
    made = {"init_from": str(first), "learning_rate_start": 1e-12}
    started = _train(
        second, lines.append, **made, learning_rate_end=1e-12, train_steps=1
    )
    # The encoder's six, and the classifier of the same identities.
    assert any("Starting from" in line and "7 of 9 variables" in line for line in lines)

    def trained(method):
        layers = (method.encoder, method.classifier)
        return checkpoints.by_name(
            [v for layer in layers for v in layer.trainable_variables]
        )

    held = trained(source)
    for name, variable in trained(started).items():
        np.testing.assert_allclose(variable.numpy(), held[name].numpy(), atol=1e-9)
    recorded = workdir.read(workdir.WorkDir(second))["init_from"]
    assert re.fullmatch("ckpt-10 sha256:[0-9a-f]{64}", recorded)
    # The same run under another name is the same start; another checkpoint is not.
    first.rename(tmp_path / "moved")
    _train(
        second,
        lines.append,
        **{**made, "init_from": str(tmp_path / "moved")},
        learning_rate_end=1e-12,
        train_steps=1,
    )
    assert "trained already" in lines[-1]
    with pytest.raises(errors.UserError, match="--init_from: made with .*ckpt-10"):
        _train(
            second,
            **{**made, "init_from": str(tmp_path / "moved/checkpoints/ckpt-5")},
            learning_rate_end=1e-12,
            train_steps=1,
        )
    with pytest.raises(errors.UserError, match="found ckpt-5, ckpt-10 in"):
        _train(tmp_path / "third", init_from=str(tmp_path / "moved/checkpoints/ckpt-7"))


def test_another_encoder_is_no_start(tmp_path, monkeypatch):
    _train(tmp_path / "first")
    kind = encoder.BACKBONES["tiny"]
    wider = lambda **given: tiny_run.network(**given, channels=5)  # noqa: E731
    monkeypatch.setitem(
        encoder.BACKBONES, "other", dataclasses.replace(kind, build=wider)
    )
    with pytest.raises(errors.UserError, match="encoder of that run is another one"):
        _train(tmp_path / "second", encoder="other", init_from=str(tmp_path / "first"))


def test_the_budget_may_count_images(tmp_path):
    lines = []
    _train(tmp_path, lines.append, train_images=33)
    assert any("step 5/5" in line for line in lines)  # 8 images a step.
    assert workdir.read(workdir.WorkDir(tmp_path))["images_per_step"] == 8


def _first_matching_loss(directory, **changes):
    _train(directory, train_steps=5, log_every=5, **changes)
    (row,) = training_log.read(directory / "training_log.csv")
    return row["matching"]


@pytest.fixture(scope="module")
def first_matching_losses(tmp_path_factory):
    """Of two runs of the recipe as it stands."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        tiny_run.keep_globals(monkeypatch)
        folder = tmp_path_factory.mktemp("alike")
        return [_first_matching_loss(folder / name) for name in ("a", "again")]


@pytest.mark.parametrize(
    "change", [{"augment_brightness": 0.9}, {"seed": 1}, {"cross_camera_pairs": True}]
)
def test_what_a_step_sees_follows_the_options(change, first_matching_losses, tmp_path):
    """Else two runs are the same, loss for loss."""
    first, again = first_matching_losses
    assert first == again != _first_matching_loss(tmp_path, **change)


def test_the_seed_is_the_samplers_too(tmp_path):
    tiny_run.install()
    steps = []
    for seed in (0, 1):
        prepared = run.prepare(
            tiny_run.recipe_of(seed=seed),
            workdir.WorkDir(tmp_path / str(seed)),
            data_dir="",
            log=lambda line: None,
        )
        steps.append([prepared.sampling.sample(step).images for step in range(9)])
    assert not all(np.array_equal(a, b) for a, b in zip(*steps, strict=True))


def test_steps_that_take_no_image_have_no_rate_of_images(tmp_path):
    lines = []
    _train(tmp_path, lines.append, method="ppa")
    rows = training_log.read(tmp_path / "training_log.csv")
    rates = {row["step"]: row["images_per_second"] for row in rows}
    # Steps 1 to 3 are the encoder's, the others the mapping's.
    assert rates[2] > 0 and all(rates[step] == 0 for step in (6, 8, 10))
    assert "Steps 1 to 3: the encoder." in lines and "steps/s" in lines[-1]


@pytest.mark.parametrize("method", ["reptile", "dimn"])
def test_options_that_a_method_does_not_use_are_told(method, tmp_path):
    lines = []
    _train(
        tmp_path, lines.append, method=method, train_steps=2, learning_rate_start=0.01,
        warmup_steps=1, domain_sampling="quota",
    )  # fmt: skip
    told = [line for line in lines if "takes no account of" in line]
    if method == "dimn":
        assert not told
    else:
        (line,) = told
        expected = "reptile takes no account of --domain_sampling, --learning_rate_sta"
        assert line.startswith(expected)
        assert "--warmup_steps" in line and "--adam_epsilon" not in line
