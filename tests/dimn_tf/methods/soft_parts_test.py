"""Soft parts: the refined means by hand, their shares, the phases' steps."""

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.methods import soft_parts

PARTS, DIMENSION = 3, 24


def _layer(seed=0):
    layer = soft_parts.SoftParts(PARTS, DIMENSION, seed)
    rng = np.random.default_rng(1)
    layer.kernel.assign(rng.normal(size=layer.kernel.shape))
    layer.bias.assign(rng.normal(size=PARTS))
    return layer


def _maps(seed=2):
    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(2, 4, 5, DIMENSION)).astype("float32")
    return maps, 2.0 * rng.integers(0, 2, maps.shape).astype("float32")


def _slow(layer, maps, kept):
    """r, place by place and number by number: [n, p, D]."""
    w, c = layer.kernel.numpy(), layer.bias.numpy()
    count, height, width, dimension = maps.shape
    found = np.zeros((count, PARTS, dimension))
    for image in range(count):
        u = np.zeros((height, width, dimension // 8))
        for y in range(height):
            for x in range(width):
                for group in range(dimension // 8):
                    for channel in range(8 * group, 8 * group + 8):
                        value = maps[image, y, x, channel]
                        u[y, x, group] += value * kept[image, y, x, channel] / 8
        centre = sum(u[y, x] for y in range(height) for x in range(width))
        centre = centre / (height * width)
        for y in range(height):
            for x in range(width):
                likeness = [
                    np.exp(w[:, i] @ (u[y, x] - centre) + c[i]) for i in range(PARTS)
                ]
                for i in range(PARTS):
                    share = likeness[i] / sum(likeness)
                    weighted = PARTS * share * maps[image, y, x]
                    found[image, i] += weighted / (height * width)
    return found


def test_refined_means_are_the_printed_ones_in_training_and_at_test():
    layer, (maps, kept) = _layer(), _maps()
    for given, mask in ((kept, kept), (None, np.ones_like(kept))):
        found = layer(maps, given).numpy()
        assert found.shape == (2, PARTS, DIMENSION) and found.dtype == "float32"
        expected = _slow(layer, maps, mask)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    # The mask counts, and for P alone.
    assert np.abs(layer(maps).numpy() - layer(maps, kept).numpy()).max() > 0.01


@pytest.mark.parametrize("seed", range(5))
def test_parts_share_each_place_so_that_their_mean_is_the_places(seed):
    layer, (maps, kept) = _layer(), _maps(seed)
    for mask in (None, kept):
        probabilities = layer.probabilities(maps, mask).numpy()
        assert probabilities.shape == (2, 4, 5, PARTS)
        np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-5)
        assert np.ptp(probabilities, axis=-1).max() > 0.1
        mean = layer(maps, mask).numpy().mean(axis=1)
        np.testing.assert_allclose(mean, maps.mean((1, 2)), rtol=1e-4, atol=1e-6)


def test_half_precision_maps_are_refined_in_float32():
    layer, (maps, kept) = _layer(), _maps()
    half = maps.astype("float16")
    expected = _slow(layer, half.astype("float32"), kept)
    found = layer(half, kept).numpy()
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_a_maps_common_colour_says_nothing_of_parts():
    """u's mean over the places is taken away: a number added to all changes no P."""
    layer, (maps, _) = _layer(), _maps()
    np.testing.assert_allclose(
        layer.probabilities(maps), layer.probabilities(maps + 3.0), atol=1e-5
    )


def test_w_starts_normal_by_the_fan_out_and_c_at_zero():
    layer = soft_parts.SoftParts(6, 2048, seed=3)
    kernel = layer.kernel.numpy()
    assert kernel.shape == (256, 6)
    assert kernel.std() == pytest.approx(np.sqrt(2 / 6), rel=0.05)
    assert abs(kernel.mean()) < 0.05
    np.testing.assert_array_equal(layer.bias, np.zeros(6))
    np.testing.assert_array_equal(kernel, soft_parts.SoftParts(6, 2048, seed=3).kernel)
    assert np.abs(kernel - soft_parts.SoftParts(6, 2048, seed=4).kernel).max() > 0.1


def test_stripes_are_taken_until_refinement_begins():
    layer, (maps, _) = _layer(), _maps()
    stripes = np.random.default_rng(5).normal(size=(2, PARTS, DIMENSION))
    stripes = stripes.astype("float32")
    assert layer.trainable_variables == [layer.kernel, layer.bias]
    assert layer.non_trainable_variables == [layer.begun] and float(layer.begun) == 0
    np.testing.assert_array_equal(layer.once_begun(maps, stripes), stripes)
    layer.begun.assign(1.0)
    np.testing.assert_array_equal(layer.once_begun(maps, stripes), layer(maps))


def test_channels_that_make_no_whole_groups_are_refused():
    with pytest.raises(errors.UserError, match="--pcb_refined: .* has 20 channels"):
        soft_parts.SoftParts(PARTS, 20, 0)


@pytest.mark.parametrize(
    ("train_steps", "alone", "share", "expected"),
    [
        (75, 5 / 75, 10 / 75, (60, 5, 10)),
        (180_000, 0.067, 0.133, (144_000, 12_060, 23_940)),
        (10, 0.067, 0.133, (8, 1, 1)),
        (10, 0.3, 0.3, (4, 3, 3)),
        (10, 0.0, 0.6, (4, 0, 6)),
        (10, 0.6, 0.0, (4, 6, 0)),
        (10, 0.1, 0.9, (0, 1, 9)),
        (10, 0.0, 1.0, (0, 0, 10)),
        (3, 0.5, 0.5, (0, 2, 1)),
        (3, 0.33, 0.33, (1, 1, 1)),
    ],
)
def test_the_shares_make_steps(train_steps, alone, share, expected):
    assert soft_parts.phase_steps(train_steps, alone, share) == expected


def test_steps_add_up_to_the_run():
    shares = [0.0, 0.05, 0.067, 0.133, 0.25, 1 / 3, 0.5]
    for train_steps in (*range(20, 60), 4_000, 99_999):
        for alone in shares:
            for share in shares:
                if alone + share:
                    steps = soft_parts.phase_steps(train_steps, alone, share)
                    assert sum(steps) == train_steps
                    on = (alone + share < 1, alone > 0, share > 0)
                    assert tuple(n > 0 for n in steps) == on


@pytest.mark.parametrize(
    ("train_steps", "alone", "share", "message"),
    [
        (100, 0.6, 0.5, "--pcb_refined_alone_share=0.6 and .*=0.5: they come to 1.1 "),
        (100, 0.0, 0.0, "--pcb_refined_share=0.0: nothing would be refined"),
        (5, 0.067, 0.133, "--train_steps=5: .* have 4, 0 and 1 steps"),
        (1, 0.5, 0.5, "--train_steps=1: .* have 0, 0 and 1 steps"),
        (2, 0.0, 0.9, "--train_steps=2: .* have 0, 0 and 2 steps"),
    ],
)
def test_shares_that_cannot_be_had_are_refused(train_steps, alone, share, message):
    with pytest.raises(errors.UserError, match=message):
        soft_parts.phase_steps(train_steps, alone, share)
