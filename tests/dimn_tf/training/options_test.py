"""The shared options: the paper's values, ours, and what a record keeps of them."""

import dataclasses
import math

import pytest

from dimn_tf import config, errors
from dimn_tf.training import options

# A work directory records these: another default makes another run of one command.
DEFAULTS = {
    "sources": ("cuhk02", "cuhk03", "dukemtmc_reid", "market1501", "cuhk_sysu"),
    "holdout_identities": 0,
    "identities_per_batch": 32,
    "images_per_identity": 2,
    "domain_sampling": "uniform",
    "cross_camera_pairs": False,
    "hard_share": 0.0,
    "hard_group": 4,
    "hard_search_every": 500,
    "image_height": 256,
    "image_width": 128,
    "encoder": "mobilenet_v2",
    "encoder_width": 1.4,
    "encoder_stride": 0,
    "instance_norm_through": "",
    "feature_neck": False,
    "frozen_through": "",
    "mirror": False,
    "encoder_weights": "imagenet",
    "init_from": None,
    "batch_norm_momentum": 0.99,
    "train_steps": 180_000,
    "train_images": 0,
    "learning_rate_start": 3.5e-4,
    "learning_rate_end": 1e-4,
    "learning_rate_decay": "exponential",
    "warmup_steps": 0,
    "adam_epsilon": 1e-7,
    "weight_decay": 0.0,
    "average_weights_from": 1.0,
    "precision": "float32",
    "deterministic": False,
    "seed": 0,
}
# These change no weight, but for `jit_compile` (rounding) and `replicas` (batch norm).
SCHEDULE = {
    "checkpoint_every": 1000,
    "keep_checkpoints": 3,
    "evaluate_every": 0,
    "log_every": 100,
    "steps_per_execution": 1,
    "jit_compile": False,
    "replicas": 1,
}
GROUPS = (
    options.DataOptions,
    options.EncoderOptions,
    options.OptimiserOptions,
    options.ScheduleOptions,
)


def _fields(*groups):
    return {f.name: (group, f) for group in groups for f in dataclasses.fields(group)}


def test_defaults():
    found = {}
    for group in GROUPS:
        made = group()
        found |= {f.name: getattr(made, f.name) for f in dataclasses.fields(group)}
    assert found == DEFAULTS | SCHEDULE


def test_a_record_keeps_what_changes_the_result():
    kept = {
        name
        for name, (_, field) in _fields(*GROUPS).items()
        if field.metadata["changes_result"]
    }
    assert kept == set(DEFAULTS) | {"jit_compile", "replicas"}


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("holdout_identities", 0, math.inf),
        ("identities_per_batch", 2, math.inf),
        ("images_per_identity", 1, math.inf),
        ("hard_share", 0, 1),
        ("hard_group", 2, math.inf),
        ("hard_search_every", 1, math.inf),
        ("image_height", 8, math.inf),
        ("image_width", 8, math.inf),
        ("encoder_width", 0.01, math.inf),
        ("encoder_stride", 0, math.inf),
        ("batch_norm_momentum", 0, 1),
        ("train_steps", 1, math.inf),
        ("train_images", 0, math.inf),
        ("learning_rate_start", 1e-12, math.inf),
        ("learning_rate_end", 1e-12, math.inf),
        ("warmup_steps", 0, math.inf),
        ("average_weights_from", 0, 1),
        ("adam_epsilon", 1e-12, math.inf),
        ("weight_decay", 0, math.inf),
        ("seed", 0, 2**31 - 1),
        ("checkpoint_every", 1, math.inf),
        ("keep_checkpoints", 1, math.inf),
        ("evaluate_every", 0, math.inf),
        ("log_every", 1, math.inf),
        ("steps_per_execution", 1, math.inf),
        ("replicas", 1, math.inf),
    ],
)
def test_ranges(name, least, most):
    group, field = _fields(*GROUPS)[name]
    if field.type is int and most == math.inf:
        most = 10**30
    for allowed in (least, most):
        config.check(group(**{name: allowed}))
    for refused in (math.nextafter(least, -math.inf), least - 1, most + 1):
        if refused > 10**30 - 1:
            continue
        with pytest.raises(errors.UserError, match=f"--{name}="):
            config.check(group(**{name: refused}))


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("domain_sampling", ("uniform", "proportional", "by_images", "all", "quota")),
        ("precision", ("float32", "mixed_float16", "mixed_bfloat16")),
    ],
)
def test_choices(name, choices):
    group, _ = _fields(*GROUPS)[name]
    for choice in choices:
        config.check(group(**{name: choice}))
    with pytest.raises(errors.UserError, match=f"--{name}=other: expected one of"):
        config.check(group(**{name: "other"}))


def test_what_holds_a_path_says_so():
    held = {name: f.metadata["holds"] for name, (_, f) in _fields(*GROUPS).items()}
    assert {name: kind for name, kind in held.items() if kind} == {
        "sources": config.REFERENCES,
        "encoder_weights": config.PATH,
        "init_from": config.PATH,
    }
