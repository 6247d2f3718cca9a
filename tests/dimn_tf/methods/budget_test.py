"""What a budget of images buys each method, by hand, and what its images cost."""

import pytest

from dimn_tf import errors, methods
from tests.dimn_tf.methods import tiny


def _kind(name, **options):
    kind = methods.METHODS[name]
    return kind, kind.Options(**options), tiny.request(name, options)


@pytest.mark.parametrize("name", ["dimn", "aggregation", "pcb", "aligned_reid", "mldg"])
def test_a_step_sees_its_batch(name):
    kind, options, request = _kind(name)
    assert request.images == 8  # Two images of four identities.
    assert kind.steps_of_budget(80, request, options) == 10
    assert kind.steps_of_budget(81, request, options, 1000) == 11
    assert kind.images_seen(7, 10, request, options, 1000) == 56


@pytest.mark.parametrize(("inner_steps", "images"), [(1, 12), (2, 24), (8, 96)])
def test_reptile_sees_an_image_at_each_inner_step_on_it(inner_steps, images):
    """Three tasks of four identities, one image of each an inner step."""
    kind, options, request = _kind("reptile", reptile_inner_steps=inner_steps)
    assert kind.images_seen(5, 10, request, options) == 5 * images
    assert kind.steps_of_budget(5 * images, request, options) == 5
    assert kind.steps_of_budget(5 * images + 1, request, options) == 6


def test_ppa_sees_all_images_once_more_between_its_stages():
    kind, options, request = _kind("ppa", ppa_mapping_steps=30)
    steps = kind.steps_of_budget(1000, request, options, 200)
    assert steps == 100 + 30
    # In stage 1, between the stages, in stage 2; without the images' number.
    assert kind.images_seen(99, steps, request, options, 200) == 99 * 8
    assert kind.images_seen(100, steps, request, options, 200) == 800
    assert kind.images_seen(101, steps, request, options, 200) == 1000
    assert kind.images_seen(130, steps, request, options, 200) == 1000
    assert kind.images_seen(130, steps, request, options) == 800


@pytest.mark.parametrize(
    ("images", "there", "told"),
    [
        (1000, None, "--train_images=1000: --method=ppa encodes .* Give --train_steps"),
        (200, 200, "--train_images=200: .* the 200 training images .* Give more"),
    ],
)
def test_ppa_refuses_a_budget_that_it_cannot_share_out(images, there, told):
    kind, options, request = _kind("ppa")
    with pytest.raises(errors.UserError, match=told):
        kind.steps_of_budget(images, request, options, there)


@pytest.mark.parametrize(
    ("name", "options", "passes"),
    [
        ("dimn", {}, 1),
        ("ppa", {}, 1),
        ("reptile", {}, 1),
        ("mldg", {"mldg_second_order": False}, 1),
        ("mldg", {}, 1 + 2 * 4 / 5),  # Four of five sources through the inner step.
        ("mldg", {"mldg_test_domains": 2}, 1 + 2 * 3 / 5),
        ("crossgrad", {}, 4),
        ("crossgrad", {"crossgrad_domain_net": "small"}, 2),
    ],
)
def test_passes_of_the_encoder(name, options, passes):
    kind = methods.METHODS[name]
    assert kind.encoder_passes(kind.Options(**options), 5) == pytest.approx(passes)
