"""A recipe: from values by flag name, and back to what a work directory records."""

import dataclasses
import json

import pytest

from dimn_tf import errors, methods
from dimn_tf.training import init_from, recipe


def _recipe(**values):
    return recipe.from_values({"method": "dimn", **values})


def test_every_part_gets_its_values():
    found = _recipe(
        triplet_margin=0.25,
        seed=3,
        image_height=64,
        encoder_width=0.5,
        log_every=7,
        augment_hue=0.125,
        sources=["viper", "prid"],
    )
    assert found.method == "dimn"
    assert isinstance(found.method_options, methods.DIMN.Options)
    assert found.method_options.triplet_margin == 0.25
    assert found.optimiser.seed == 3
    assert found.data.image_height == 64 and found.data.sources == ("viper", "prid")
    assert found.encoder.encoder_width == 0.5
    assert found.plan.log_every == 7
    assert found.augmentation.hue == 0.125
    plain = _recipe()
    assert plain == recipe.Recipe("dimn", methods.DIMN.Options())


def test_what_is_recorded_makes_the_same_recipe():
    made = _recipe(triplet_margin=0.25, augment_hue=0.125, encoder_weights="none")
    recorded = json.loads(json.dumps(made.recorded()))
    assert recipe.from_values(recorded) == made
    assert recorded["method"] == "dimn"
    assert recorded["augment_hue"] == 0.125 and recorded["augment_flip"] == 0.5
    assert recorded["running_average"] == 0.5
    assert "log_every" not in recorded and "hue" not in recorded
    assert recorded["init_from"] is None


def test_what_files_hold_is_recorded_and_not_where_they_lie(tmp_path, monkeypatch):
    weights = tmp_path / "w.weights.h5"
    weights.write_bytes(b"made up")
    monkeypatch.setattr(init_from, "fingerprint", lambda place: f"hash of {place}")
    recorded = _recipe(encoder_weights=str(weights), init_from="run").recorded()
    # sha256sum of the two words.
    assert recorded["encoder_weights"].startswith("w.weights.h5 sha256:")
    assert str(tmp_path) not in recorded["encoder_weights"]
    assert recorded["init_from"] == "hash of run"
    for word in ("none", "imagenet"):
        assert _recipe(encoder_weights=word).recorded()["encoder_weights"] == word


def test_a_methods_defaults_hold_unless_a_value_is_given():
    assert recipe.from_values({"method": "aggregation"}).data.domain_sampling == "all"
    given = {"method": "aggregation", "domain_sampling": "quota"}
    assert recipe.from_values(given).data.domain_sampling == "quota"
    assert _recipe().data.domain_sampling == "uniform"


def test_an_unknown_method_is_named():
    with pytest.raises(errors.UserError) as caught:
        recipe.from_values({"method": "other"})
    known = ", ".join(sorted(methods.METHODS))
    assert str(caught.value) == f"--method=other: no such method. Known: {known}."


@pytest.mark.parametrize(
    ("name", "value"),
    [("log_every", 0), ("triplet_margin", -1.0), ("augment_hue", 0.75), ("seed", -1)],
)
def test_a_value_that_is_not_allowed_is_named_by_its_flag(name, value):
    with pytest.raises(errors.UserError, match=f"^--{name}={value}: expected"):
        _recipe(**{name: value})


def test_the_options_lie_under_the_prefix_of_their_flags():
    parts = _recipe().parts()
    assert list(parts) == ["", "augment_"]
    names = [f.name for group in parts[""] for f in dataclasses.fields(group)]
    assert len(names) == len(set(names))  # One flag of each name.
    assert {"sources", "encoder", "seed", "log_every", "triplet_margin"} <= set(names)


@pytest.mark.parametrize(
    ("images", "steps"), [(0, 180_000), (1, 1), (64, 1), (65, 2), (640, 10)]
)
def test_a_budget_of_images_is_rounded_up_to_steps(images, steps):
    assert _recipe(train_images=images).train_steps == steps


def test_the_method_says_what_a_step_sees():
    made = _recipe(identities_per_batch=5, cross_camera_pairs=True)
    assert made.batch_request.images == 10 and made.batch_request.cross_camera
    with pytest.raises(errors.UserError, match="--images_per_identity=3"):
        _recipe(images_per_identity=3).batch_request  # noqa: B018
    three = recipe.from_values({"method": "aggregation", "images_per_identity": 3})
    assert three.batch_request.images == 96
