"""Building a method: what its parts get, and what the process keeps."""

import dataclasses
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors, methods
from dimn_tf.training import build, checkpoints, workdir
from tests.dimn_tf.methods import tiny
from tests.dimn_tf.training import tiny_run

_REFINED = {"method": "pcb", "pcb_refined": True, "encoder": "tiny_16"}


@pytest.fixture(autouse=True)
def _restore_globals(monkeypatch):
    from dimn_tf.data import records
    from dimn_tf.encoders import encoder

    monkeypatch.setattr(records, "load_records", records.load_records)
    monkeypatch.setattr(encoder, "BACKBONES", dict(encoder.BACKBONES))
    tiny_run.install()


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_building_changes_nothing_of_the_process(precision):
    recipe = tiny_run.recipe_of(precision=precision)
    before = random.getstate(), np.random.get_state()[1].tolist()
    build.for_training(recipe, tiny.labels(9))
    build.for_inference(recipe, restored=False)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    assert keras.config.dtype_policy().name == "float32"


def test_the_start_is_the_seeds_wherever_it_is_built():
    recipe = tiny_run.recipe_of(seed=4)
    first = build.for_training(recipe, tiny.labels(9)).get_weights()
    random.random()
    again = build.for_training(recipe, tiny.labels(9)).get_weights()
    other = build.for_training(tiny_run.recipe_of(seed=5), tiny.labels(9)).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    # The untrained start that is evaluated is the one that is trained.
    start = build.for_inference(recipe, restored=False)
    trained = build.for_training(recipe, tiny.labels(9))
    pairs = zip(start.inference_variables, trained.inference_variables, strict=True)
    for a, b in pairs:
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_another_runs_encoder_needs_no_weights_beside():
    """A file that is not there (as ImageNet's is not, offline) is not asked for."""
    given = {"encoder_weights": "gone.weights.h5", "init_from": "runs/first"}
    build.for_training(tiny_run.recipe_of(**given), tiny.labels(9))
    with pytest.raises(errors.UserError, match="gone.weights.h5"):
        recipe = tiny_run.recipe_of(encoder_weights="gone.weights.h5")
        build.for_training(recipe, tiny.labels(9))


def test_the_optimiser_has_its_options():
    recipe = tiny_run.recipe_of(
        adam_epsilon=0.25, weight_decay=0.5, learning_rate_start=0.125
    )
    optimizer = build.for_training(recipe, tiny.labels(9)).optimizer
    assert optimizer.epsilon == 0.25
    assert optimizer.weight_decay == 0.5
    assert float(optimizer.learning_rate) == 0.125


@pytest.mark.parametrize(
    ("make", "weights"),
    [
        ("training", "given"), ("training restored", None),
        ("inference", None), ("untrained start", "given"),
    ],
)  # fmt: skip
def test_the_encoder_has_its_options(make, weights, monkeypatch, tmp_path):
    from dimn_tf.encoders import encoder

    given = {}

    def network(**options):
        given.update(options)
        return tiny_run.network(**{**options, "weights": None})

    kind = dataclasses.replace(
        encoder.BACKBONES["tiny"], build=network, strides=(2, 16)
    )
    monkeypatch.setitem(encoder.BACKBONES, "tiny", kind)
    path = tmp_path / "some.weights.h5"
    path.touch()
    recipe = tiny_run.recipe_of(
        image_height=24,
        image_width=12,
        encoder_width=0.75,
        encoder_stride=16,
        batch_norm_momentum=0.5,
        encoder_weights=str(path),
    )
    if make.startswith("training"):
        build.for_training(recipe, tiny.labels(9), restored="restored" in make)
    else:
        build.for_inference(recipe, restored=make == "inference")
    assert given == {
        "height": 24,
        "width": 12,
        "width_multiplier": 0.75,
        "weights": weights and str(path),
        "batch_norm_momentum": 0.5,
        "fused": True,
        "stride": 16,
    }


def test_without_a_word_training_starts_from_the_weights_and_inference_does_not(
    monkeypatch,
):
    from dimn_tf.encoders import encoder

    asked = []

    def network(**options):
        asked.append(options["weights"])
        return tiny_run.network(**{**options, "weights": None})

    kind = dataclasses.replace(encoder.BACKBONES["tiny"], build=network)
    monkeypatch.setitem(encoder.BACKBONES, "tiny", kind)
    recipe = tiny_run.recipe_of(encoder_weights="imagenet")
    build.for_training(recipe, tiny.labels(9))
    build.for_inference(recipe)
    assert asked == ["imagenet", None]


@pytest.mark.parametrize("name", list(methods.METHODS))
def test_the_method_is_the_recipes_with_its_options_and_seed(name):
    recipe = tiny_run.recipe_of(method=name, label_smoothing=0.25, seed=7)
    labels = tiny.labels(9)
    made = build.for_training(recipe, labels)
    assert type(made) is methods.METHODS[name]
    assert made.options.label_smoothing == 0.25 and made.seed == 7
    assert made.label_specification is labels
    if made.own_optimizer(10) is not None:
        assert type(made.optimizer) is type(made.own_optimizer(10))
        return
    # The optimiser's state is there before the first step, for a checkpoint.
    assert len(made.optimizer.variables) > 2 * len(made.trainable_variables)


def _rates(steps, **changes):
    """The learning rates of these steps, by the recipe's optimiser."""
    recipe = tiny_run.recipe_of(learning_rate_start=0.25, **changes)
    optimizer = build.for_training(recipe, tiny.labels(9)).optimizer
    rates = []
    for step in steps:
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    return rates


def test_the_rate_is_the_recipes_schedule():
    given = {"learning_rate_end": 0.0625, "warmup_steps": 2, "train_images": 160}
    # 20 steps of 8 images; half the rate at first, and a quarter in the end.
    expected = [0.125, 0.25 * 0.25**0.05, 0.125, 0.0625]
    assert _rates((0, 1, 10, 20), **given) == pytest.approx(expected)


def test_a_cosine_is_the_recipes_too():
    given = {"learning_rate_end": 0.05, "warmup_steps": 4, "train_steps": 20}

    def falling(step):
        return 0.05 + 0.2 * (1 + np.cos(np.pi * step / 20)) / 2

    found = _rates((0, 5, 10, 20), learning_rate_decay="cosine", **given)
    assert found == pytest.approx([falling(0) / 4, falling(5), falling(10), 0.05])


def test_each_of_ppas_stages_has_the_whole_schedule():
    recipe = tiny_run.recipe_of(
        method="ppa", train_steps=10, ppa_mapping_steps=6,
        learning_rate_start=0.25, learning_rate_end=0.0625,
    )  # fmt: skip
    optimizer = build.for_training(recipe, tiny.labels(9)).optimizer
    rates = []
    for step in (0, 2, 4, 7, 10):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    assert rates == pytest.approx([0.25, 0.125, 0.25, 0.125, 0.0625])


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
@pytest.mark.parametrize(
    ("options", "first", "trained"),
    [
        ({"method": "ppa", "ppa_mapping_steps": 60}, 40, "matching_layers"),
        (_REFINED, 80, "soft_parts"),
        ({**_REFINED, "pcb_refined_alone_share": 0.0}, 87, "soft_parts"),
    ],
)
def test_what_a_later_phase_trains_begins_with_it(options, first, trained, precision):
    """Adam's first step on it is the rate, whatever the gradient."""
    recipe = tiny_run.recipe_of(
        train_steps=100, learning_rate_start=0.25, learning_rate_end=0.25,
        weight_decay=0.0, precision=precision, **options,
    )  # fmt: skip
    method = build.for_training(recipe, tiny.labels(9))
    assert method.phases(100)[0].steps == first
    optimizer = getattr(method.optimizer, "inner_optimizer", method.optimizer)
    found = getattr(method, trained)
    layer = found[0] if isinstance(found, tuple) else found
    before = layer.kernel.numpy()
    optimizer.iterations.assign(first)
    optimizer.apply_gradients([(tf.fill(before.shape, 3.0), layer.kernel)])
    np.testing.assert_allclose(layer.kernel.numpy(), before - 0.25, rtol=1e-3)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"method": "reptile", "hard_share": 0.5}, "--hard_share=0.5: --method=rep"),
        ({"method": "pcb", "pcb_parts": 99}, "--pcb_parts=99: the encoder's feature"),
        (
            {"method": "ppa", "feature_neck": True},
            "--feature_neck: --ppa_mapping=two_layers takes features",
        ),
        (
            {
                "method": "aligned_reid",
                "aligned_identification": False,
                "label_smoothing": 0.1,
            },
            "--label_smoothing=0.1: --noaligned_identification leaves",
        ),
        (
            {**_REFINED, "pcb_refined_share": 1.0, "pcb_refined_alone_share": 0.0}
            | {"average_weights_from": 0.5},
            "--average_weights_from=0.5: --method=pcb trains",
        ),
        ({"instance_norm_through": "block_1"}, "block_1: tiny has no such place"),
        ({"frozen_through": "stem"}, "--frozen_through=stem: with --encoder_weights"),
        ({"encoder": "resnet50", "encoder_width": 1.4}, "--encoder_width=1.4: resnet"),
        ({"encoder_stride": 8}, "--encoder_stride=8: tiny has 2"),
        ({"replicas": 3}, "--identities_per_batch=4 cannot be shared by --replicas=3"),
    ],
)
def test_what_cannot_be_trained_is_told_before(given, told):
    sizes = {"image_height": 32, "image_width": 32} if "resnet50" in str(given) else {}
    recipe = tiny_run.recipe_of(**{"method": "dimn", **given, **sizes})
    with pytest.raises(errors.UserError, match=told):
        build.refuse_untrainable(recipe)


def test_recipes_of_one_encoder_make_it_once_and_load_nothing(monkeypatch):
    made, build_encoder = [], build.encoders.build_encoder

    def watched(**options):
        made.append(options)
        return build_encoder(**options)

    monkeypatch.setattr(build.encoders, "build_encoder", watched)
    untrained = {}
    weights = {"encoder_weights": "imagenet"}
    for given in ({}, {"method": "crossgrad"}, {"encoder": "tiny_16"}):
        recipe = tiny_run.recipe_of(**{"method": "dimn", **weights, **given})
        build.refuse_untrainable(recipe, untrained)
    assert [options["name"] for options in made] == ["tiny", "tiny_16"]
    assert {options["weights"] for options in made} == {"none"}


def test_without_weight_decay_there_is_none():
    optimizer = build.for_training(
        tiny_run.recipe_of(weight_decay=0.0), tiny.labels(9)
    ).optimizer
    assert optimizer.weight_decay is None
    assert optimizer.epsilon == 1e-7


def test_losses_are_scaled_in_float16_alone():
    kinds = {}
    for precision in ("float32", "mixed_bfloat16", "mixed_float16"):
        recipe = tiny_run.recipe_of(precision=precision, learning_rate_start=0.125)
        made = build.for_training(recipe, tiny.labels(9))
        computed = made.encoder.backbone.layers[1].compute_dtype
        assert computed == precision.removeprefix("mixed_")
        kinds[precision] = made.optimizer
    scaled = kinds["mixed_float16"]
    # A checkpoint knows its state by names that another process gives too.
    again = build.for_training(recipe, tiny.labels(9)).optimizer
    names, others = (list(checkpoints.by_name(o.variables)) for o in (scaled, again))
    assert names == others
    assert isinstance(scaled, keras.optimizers.LossScaleOptimizer)
    assert float(scaled.initial_scale) == 256.0
    assert float(scaled.learning_rate) == 0.125
    for precision in ("float32", "mixed_bfloat16"):
        assert type(kinds[precision]) is type(scaled.inner_optimizer)
    recipe = tiny_run.recipe_of(precision="mixed_float16")
    inference = build.for_inference(recipe, restored=False)
    assert inference.encoder.backbone.layers[1].compute_dtype == "float32"


def test_a_copy_for_inference_has_the_weights_of_now():
    recipe = tiny_run.recipe_of()
    trained = build.for_training(recipe, tiny.labels(9))
    for variable in trained.inference_variables:
        variable.assign(variable.numpy() + 1)
    copy = build.for_inference_of(trained, recipe)
    for a, b in zip(trained.inference_variables, copy.inference_variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    # It stays as it is when training goes on.
    trained.mapping.kernel.assign_add(np.ones(trained.mapping.kernel.shape))
    assert not np.allclose(trained.mapping.kernel.numpy(), copy.mapping.kernel.numpy())


def test_the_newest_checkpoint_is_restored(tmp_path):
    recipe, directory = tiny_run.recipe_of(), workdir.WorkDir(tmp_path)
    with pytest.raises(errors.UserError, match="checkpoints: no checkpoint. Train fir"):
        build.restored(recipe, directory)
    trained = build.for_training(recipe, tiny.labels(9))
    trained.mapping.kernel.assign_add(np.ones(trained.mapping.kernel.shape))
    checkpoints.Checkpoints(directory.checkpoints, trained).save(3)
    restored, step = build.restored(recipe, directory)
    assert step == 3
    np.testing.assert_array_equal(
        restored.mapping.kernel.numpy(), trained.mapping.kernel.numpy()
    )
