"""Rows of one table differ in what they are, and in nothing else."""

import json
import pathlib

import pytest

from dimn_tf import errors
from dimn_tf.comparison import alike, place, rows
from dimn_tf.training import recipe

GIVEN = {"encoder_weights": "none", "train_steps": 100, "augment_flip": 0.5}


def _flags(name, seed=0, **given):
    """As a run's results record them."""
    options = {**GIVEN, **given, **rows.ROWS[name].options, "seed": seed}
    recorded = recipe.from_values(options).recorded()
    return json.loads(json.dumps({**recorded, "targets": ["viper"], "trial_seed": 0}))


def _where(name, seed=0):
    return place.Place(pathlib.Path("kept"), name, seed)


def test_all_rows_of_the_same_options_stand_in_one_table():
    """Each method has its own defaults, its own steps, and may have its own encoder."""
    flags = {
        _where(name): {**_flags(name), "train_steps": steps, "ranked_probes": steps}
        for steps, name in enumerate(rows.ROWS, start=10)
    }
    alike.refuse_unlike({**flags, _where("dimn", 7): _flags("dimn", 7)})


@pytest.mark.parametrize(
    ("name", "changed", "option"),
    [
        ("pcb", {"augment_flip": 0.25}, "augment_flip"),
        ("dimn_no_memory", {"triplet_margin": 0.5}, "triplet_margin"),
        ("mldg", {"identities_per_batch": 16}, "identities_per_batch"),
        # All at their defaults but one.
        ("aligned_reid", {"label_smoothing": 0.1}, "label_smoothing"),
        ("reptile", {"holdout_identities": 5}, "holdout_identities"),
    ],
)
def test_an_option_that_one_row_alone_was_given_is_refused(name, changed, option):
    flags = {_where("dimn"): _flags("dimn"), _where(name): _flags(name, **changed)}
    with pytest.raises(errors.UserError) as caught:
        alike.refuse_unlike(flags)
    told = str(caught.value)
    assert f"--{option}: " in told and f"{name}_seed0.json" in told
    assert "dimn_seed0.json" in told


@pytest.mark.parametrize(
    ("option", "value"),
    [("mirror", True), ("frozen_through", "block_3"), ("learning_rate_decay", "cosine"),
     ("camera_rule", "cross_camera")],
)  # fmt: skip
def test_a_flag_that_an_older_run_did_not_know_has_its_default(option, value):
    older = _flags("aggregation")
    older.pop(option, None)
    of = {_where("aggregation"): older, _where("dimn"): _flags("dimn")}
    alike.refuse_unlike(of)
    of[_where("dimn")][option] = value
    with pytest.raises(errors.UserError, match=f"--{option}: {value}, but "):
        alike.refuse_unlike(of)


def test_seeds_of_a_row_are_alike_too():
    flags = {
        _where("dimn", seed): {**_flags("dimn", seed), "trial_seed": seed}
        for seed in (0, 1)
    }
    with pytest.raises(errors.UserError, match="dimn_seed1.json: --trial_seed: 1"):
        alike.refuse_unlike(flags)


def test_an_option_that_a_row_sets_is_its_own():
    given = {"triplet_weight": 0.5}
    names = ("dimn", "dimn_no_logit_triplet", "dimn_no_memory")
    alike.refuse_unlike({_where(name): _flags(name, **given) for name in names})


def test_weights_are_compared_encoder_by_encoder():
    of = {
        name: {**_flags(name), "encoder_weights": weights}
        for name, weights in (("dimn", "a"), ("pcb", "b"), ("mldg", "c"))
    }
    alike.refuse_unlike({_where(name): of[name] for name in ("dimn", "pcb")})
    with pytest.raises(errors.UserError, match="weights of mobilenet_v2: c, but a"):
        alike.refuse_unlike({_where(name): of[name] for name in ("dimn", "mldg")})


def test_trials_are_the_same_for_all():
    first = {"targets": {"viper": {"trials_sha256": "a"}}}
    for other in ({"viper": {"trials_sha256": "b"}}, {}, {"viper": {}}):
        with pytest.raises(errors.UserError, match="pcb_seed0.*viper differ"):
            alike.refuse_other_trials(
                {_where("dimn"): first, _where("pcb"): {"targets": other}}
            )
    alike.refuse_other_trials({_where("dimn"): first, _where("pcb"): first})


def test_labels_of_the_images_are_the_same_for_all_that_tell_them():
    def of(images):
        row = {"trials_sha256": "a", **({"images_sha256": images} if images else {})}
        return {"targets": {"reid_folder:x": row}}

    names = "dimn", "pcb", "mldg"
    places = [_where(name) for name in names]
    alike.refuse_other_trials(dict(zip(places, map(of, ("", "c", "c")), strict=True)))
    with pytest.raises(errors.UserError, match="mldg_seed0.*reid_folder:x's.*pcb_seed"):
        alike.refuse_other_trials(
            dict(zip(places, map(of, ("", "c", "d")), strict=True))
        )


def _trained_on(sha256, images, holdout=0):
    return {
        "flags": {"holdout_identities": holdout},
        "cost": {"training_images": images},
        **({"sources_sha256": sha256} if sha256 else {}),
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", 24_997), ("b", 121_765)),
        (("a", 24_997), ("b", 24_997)),  # As many, and others.
        ((None, 24_997), (None, 121_765)),  # Kept by an older version.
        (("a", 24_997), (None, 121_765)),
    ],
)
def test_rows_of_other_images_of_the_same_sources_are_refused(one, other):
    figures = {_where("dimn"): _trained_on(*one), _where("pcb", 1): _trained_on(*other)}
    told = f"pcb_seed1.json: trained on {other[1]:,} images, .*dimn_seed0.json on"
    with pytest.raises(errors.UserError, match=told):
        alike.refuse_other_sources(figures)
    same = _trained_on(None, one[1])
    alike.refuse_other_sources(
        {_where("dimn"): _trained_on(*one), _where("pcb"): same, _where("ppa", 1): same}
    )


def test_each_seed_sets_its_own_people_aside():
    first, second = _trained_on("a", 900, 5), _trained_on("b", 890, 5)
    alike.refuse_other_sources({_where("dimn"): first, _where("dimn", 1): second})
    with pytest.raises(errors.UserError, match="pcb_seed1.json: trained on 900"):
        alike.refuse_other_sources(
            {_where("dimn", 1): second, _where("pcb", 1): first, _where("pcb"): first}
        )
