import collections
import colorsys
import dataclasses
import functools
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.data import augmentation
from tests.dimn_tf.data import old_augmentation

HEIGHT, WIDTH = 40, 20

# Each option alone, strong enough to show, with flips off.
ALONE = {
    "flip": {"flip": 0.5},
    "crop": {"crop_padding": 0.1},
    "brightness": {"brightness": 0.9},
    "contrast": {"contrast": 0.9},
    "saturation": {"saturation": 0.9},
    "hue": {"hue": 0.5},
    "colour_cast": {"colour_cast": 0.4},
    "grey": {"grey": 0.5},
    "low_resolution": {"low_resolution": 0.5},
    "erasing": {"erasing": 0.5},
}
ALL = {k: v for options in ALONE.values() for k, v in options.items()}


def _options(**kwargs):
    return augmentation.Augmentation(**({"flip": 0.0} | kwargs))


def _picture():
    rng = np.random.default_rng(0)
    return rng.uniform(0, 255, (HEIGHT, WIDTH, 3)).astype(np.float32)


def _seeds(count):
    return tf.stack([tf.fill([count], 3), tf.range(count)], axis=1)


@functools.cache
def _all_draws():
    def every(seeds):
        return tf.map_fn(
            old_augmentation.draws_of, seeds, fn_output_signature=tf.float32
        )

    return tf.function(every)(_seeds(400)).numpy()


def _draws(count):
    return _all_draws()[:count]


def _augmented(count=60, image=None, **kwargs):
    """The picture with `count` sets of draws, [count, H, W, 3]."""
    images = np.stack([_picture() if image is None else image] * count)
    return augmentation.augment(images, _draws(count), _options(**kwargs)).numpy()


@pytest.mark.parametrize("name", [*ALONE, "all"])
def test_equals_the_changes_of_one_image_after_the_other(name):
    kwargs = ALL if name == "all" else ALONE[name]
    options, image = _options(**kwargs), tf.constant(_picture())
    expected = [old_augmentation.augment(image, seed, options) for seed in _seeds(24)]
    found = _augmented(24, **kwargs)
    # Rounding alone: of 255, and steeper where a strong contrast stretches it.
    np.testing.assert_allclose(found, expected, atol=5e-3)
    if name in ("flip", "crop", "erasing"):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_graph_and_xla_give_the_same(jit_compile):
    options = _options(**ALL)

    @tf.function(jit_compile=jit_compile)
    def run(images, draws):
        return augmentation.augment(images, draws, options)

    found = run(np.stack([_picture()] * 24), _draws(24))
    np.testing.assert_allclose(found, _augmented(24, **ALL), atol=5e-3)


@pytest.mark.parametrize("scale", [0.02, 0.3, 0.97])
def test_low_resolution_equals_two_resizings_at_any_scale(scale):
    options = _options(low_resolution=1.0, low_resolution_scale=scale)
    image = tf.constant(_picture())
    expected = [old_augmentation.augment(image, seed, options) for seed in _seeds(12)]
    found = augmentation.augment(tf.stack([image] * 12), _draws(12), options)
    np.testing.assert_allclose(found, expected, atol=5e-3)


@pytest.mark.parametrize("shape", [(), (6,), (3, 2), (1, 3, 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_leading_axes_and_integers(shape, dtype):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (6, HEIGHT, WIDTH, 3)).astype(dtype)
    draws, options = _draws(6), _options(**ALL)
    expected = augmentation.augment(images.astype(np.float32), draws, options)
    if shape == ():
        images, draws, expected = images[0], draws[0], expected[0]
    images = images.reshape(shape + (HEIGHT, WIDTH, 3))
    found = augmentation.augment(images, tf.reshape(draws, shape + (18,)), options)
    assert found.dtype == tf.float32
    assert found.shape == shape + (HEIGHT, WIDTH, 3)
    np.testing.assert_allclose(
        found, tf.reshape(expected, found.shape), rtol=1e-5, atol=1e-3
    )


def test_static_shapes_are_kept_and_unknown_ones_taken():
    options, seen = _options(**ALL), []

    def run(images, draws):
        found = augmentation.augment(images, draws, options)
        seen.append(found.shape.as_list())
        return found

    for lead in ([None, 2], [3, 2]):
        signature = [
            tf.TensorSpec([*lead, HEIGHT, WIDTH, 3], tf.uint8),
            tf.TensorSpec([*lead, 18], tf.float32),
        ]
        concrete = tf.function(run).get_concrete_function(*signature)
        assert seen[-1] == [*lead, HEIGHT, WIDTH, 3]
        found = concrete(
            tf.zeros([3, 2, HEIGHT, WIDTH, 3], tf.uint8),
            tf.reshape(_draws(6), (3, 2, 18)),
        )
        assert found.shape == (3, 2, HEIGHT, WIDTH, 3)


def test_no_branch_no_loop_and_no_python_in_the_graph():
    options = _options(**ALL)
    graph = (
        tf.function(lambda i, d: augmentation.augment(i, d, options))
        .get_concrete_function(
            tf.TensorSpec([None, HEIGHT, WIDTH, 3], tf.uint8),
            tf.TensorSpec([None, 18], tf.float32),
        )
        .graph
    )
    kinds = {operation.type for operation in graph.get_operations()}
    host = re.compile("If|While|Switch|Merge|PyFunc|Map|Random|Scale|Resize|String")
    assert not [kind for kind in kinds if host.search(kind)]


def test_an_option_that_is_off_adds_nothing_to_the_graph():
    def operations(**kwargs):
        options = _options(**kwargs)
        return len(
            tf.function(lambda i, d: augmentation.augment(i, d, options))
            .get_concrete_function(
                tf.TensorSpec([4, HEIGHT, WIDTH, 3], tf.float32),
                tf.TensorSpec([4, 18], tf.float32),
            )
            .graph.get_operations()
        )

    bare = operations()
    # A margin of less than half a pixel is none.
    assert operations(crop_padding=0.01) == bare
    assert all(operations(**ALONE[name]) > bare for name in ALONE)


def test_mixed_precision_leaves_it_alone():
    before = keras.mixed_precision.dtype_policy()
    expected = _augmented(6, **ALL)
    try:
        keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
        np.testing.assert_array_equal(_augmented(6, **ALL), expected)
    finally:
        keras.mixed_precision.set_dtype_policy(before)


@pytest.mark.parametrize("name", [*ALONE, "all"])
def test_shape_and_range_are_kept(name):
    found = _augmented(**(ALL if name == "all" else ALONE[name]))
    assert found.shape == (60, HEIGHT, WIDTH, 3)
    assert found.min() >= 0
    assert found.max() <= 255 + 1e-3


@pytest.mark.parametrize("name", [*ALONE, "all"])
def test_draws_alone_decide(name):
    options = ALL if name == "all" else ALONE[name]
    first = _augmented(**options)
    np.testing.assert_array_equal(first, _augmented(**options))
    assert len({image.tobytes() for image in first}) > 1


@pytest.mark.parametrize("name", ALONE)
def test_every_option_changes_the_picture(name):
    changed = np.any(_augmented(**ALONE[name]) != _picture(), axis=(1, 2, 3))
    assert changed.mean() > 0.25


def test_zeros_leave_the_picture_alone():
    np.testing.assert_array_equal(_augmented(2), [_picture()] * 2)


@pytest.mark.parametrize("name", ["grey", "low_resolution", "erasing", "flip"])
def test_probabilities(name):
    option = name
    for probability in (0.0, 0.3, 1.0):
        found = _augmented(200, **{option: probability})
        changed = np.any(found != _picture(), axis=(1, 2, 3)).mean()
        # Standard deviation of a share over 200 draws: 0.032. A scale of nearly 1
        # rounds to the old size, so that now and then low resolution changes nothing.
        slack = 0.12 if 0 < probability < 1 else 0.05 * (name == "low_resolution")
        assert abs(changed - probability) <= (slack if probability else 0)


def test_an_option_does_not_disturb_the_draws_of_another():
    alone = _augmented(flip=0.5)
    beside = _augmented(flip=0.5, grey=1e-9)
    # A grey option that never strikes costs one affine map, so compare nearly.
    np.testing.assert_allclose(beside, alone, atol=1e-2)


def test_flip_mirrors_left_and_right():
    found = _augmented(1, flip=1.0)[0]
    np.testing.assert_array_equal(found, _picture()[:, ::-1])


def test_crop_shifts_over_black_by_every_distance_up_to_the_margin():
    image = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    image[20, 10] = 200
    found = _augmented(400, image=image, crop_padding=0.05)
    places = {tuple(np.argwhere(picture[..., 0])[0]) for picture in found}
    # 0.05 of 40 rows is a margin of 2 pixels on every side, for columns too.
    assert places == {(20 + y, 10 + x) for y in range(-2, 3) for x in range(-2, 3)}

    white = _augmented(
        60, image=np.full((40, 20, 3), 255, np.float32), crop_padding=0.1
    )
    assert white[:, 4:-4, 4:-4].min() == 255
    assert white.min() == 0


def test_a_crop_may_show_the_edge_again():
    image = _picture()
    black = _augmented(60, image=image, crop_padding=0.05)
    edge = _augmented(60, image=image, crop_padding=0.05, crop_fill="edge")
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="edge")
    shown = np.pad(np.ones((HEIGHT, WIDTH), bool), 2)
    shifts = set()
    for with_black, with_edge in zip(black, edge, strict=True):
        (found,) = {
            (y, x)
            for y in range(5)
            for x in range(5)
            if (with_edge == padded[y : y + HEIGHT, x : x + WIDTH]).all()
        }
        shifts.add(found)
        y, x = found
        # The same crop as with black, which is seen where no image was.
        was_image = shown[y : y + HEIGHT, x : x + WIDTH, None]
        np.testing.assert_array_equal(with_black, np.where(was_image, with_edge, 0))
    assert len(shifts) > 15


def test_brightness_multiplies():
    picture = _picture() / 2
    ratios = _augmented(60, image=picture, brightness=0.4) / picture
    factors = ratios.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(
        ratios, np.broadcast_to(factors[:, None, None, None], ratios.shape), rtol=1e-3
    )
    assert 0.6 <= factors.min() < 0.7
    assert 1.3 < factors.max() <= 1.4


def test_colour_cast_multiplies_each_channel_by_itself():
    picture = _picture() / 2
    ratios = _augmented(60, image=picture, colour_cast=0.3) / picture
    gains = ratios.mean(axis=(1, 2))
    np.testing.assert_allclose(
        ratios, np.broadcast_to(gains[:, None, None], ratios.shape), rtol=1e-3
    )
    assert 0.7 <= gains.min() < 0.75 and 1.25 < gains.max() <= 1.3
    correlations = np.corrcoef(gains.T)
    assert np.abs(correlations - np.eye(3)).max() < 0.5


def _luminance(image):
    return image @ np.array([0.299, 0.587, 0.114])


def test_contrast_stretches_about_the_mean_luminance():
    picture = 100 + _picture() / 10
    mean = _luminance(picture).mean()
    found = _augmented(60, image=picture, contrast=0.5)
    factors = (found - mean) / (picture - mean)
    np.testing.assert_allclose(_luminance(found).mean(axis=(1, 2)), mean, rtol=1e-4)
    medians = np.median(factors, axis=(1, 2, 3))
    np.testing.assert_allclose(
        found, mean + medians[:, None, None, None] * (picture - mean), atol=0.02
    )
    assert 0.5 <= medians.min() < 0.6
    assert 1.4 < medians.max() <= 1.5


def test_saturation_stretches_about_grey_and_keeps_luminance():
    picture = 100 + _picture() / 10
    found = _augmented(60, image=picture, saturation=0.5)
    grey = _luminance(picture)
    np.testing.assert_allclose(_luminance(found), [grey] * 60, atol=0.1)
    colour = picture - grey[..., None]
    factors = np.sum((found - grey[..., None]) * colour, axis=(1, 2, 3)) / np.sum(
        colour**2
    )
    np.testing.assert_allclose(
        found, grey[..., None] + factors[:, None, None, None] * colour, atol=0.1
    )
    assert 0.5 <= factors.min() < 0.6
    assert 1.4 < factors.max() <= 1.5


def test_grey_leaves_the_luminance_alone():
    found = _augmented(1, grey=1.0)[0]
    np.testing.assert_allclose(
        found, np.repeat(_luminance(_picture())[..., None], 3, axis=2), atol=0.2
    )


def test_hue_turns_as_through_hsv_and_keeps_luminance():
    picture = np.full((HEIGHT, WIDTH, 3), (150, 100, 100), np.float32)
    found = _augmented(200, image=picture, hue=0.25)[:, 0, 0]
    np.testing.assert_allclose(_luminance(found), _luminance(picture[0, 0]), atol=0.1)
    hues = np.array([colorsys.rgb_to_hsv(*(colour / 255))[0] for colour in found])
    turns = (hues + 0.5) % 1 - 0.5  # red is hue 0
    # The angle of YIQ and that of HSV agree within some 20 degrees.
    assert -0.31 < turns.min() < -0.18
    assert 0.18 < turns.max() < 0.31
    # A turn keeps the length in the plane of I and Q.
    chroma = np.array([[0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]).T
    lengths = np.linalg.norm(found @ chroma, axis=1)
    np.testing.assert_allclose(lengths, np.linalg.norm(picture[0, 0] @ chroma), 0.01)
    small = _augmented(200, image=picture, hue=0.02)[:, 0, 0]
    assert np.abs(small - picture[0, 0]).max() < 8


def test_low_resolution_takes_detail_away():
    found = _augmented(30, low_resolution=1.0, low_resolution_scale=0.25)
    detail = np.abs(np.diff(found, axis=1)).mean(axis=(1, 2, 3))
    whole = np.abs(np.diff(_picture(), axis=0)).mean()
    assert np.all(detail <= 1.001 * whole)
    assert detail.mean() < 0.4 * whole
    assert detail.min() < 0.15 * whole
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), _picture().mean(), rtol=0.03)
    flat = np.full((HEIGHT, WIDTH, 3), 77, np.float32)
    np.testing.assert_allclose(
        _augmented(5, image=flat, low_resolution=1.0), [flat] * 5, rtol=1e-4
    )


def test_erasing_covers_one_rectangle_of_the_area_asked_for():
    found = _augmented(
        200,
        erasing=1.0,
        erasing_smallest_area=0.1,
        erasing_largest_area=0.2,
        erasing_aspect=0.5,
    )
    shares, edges = [], collections.defaultdict(set)
    for picture in found:
        covered = np.any(picture != _picture(), axis=2)
        np.testing.assert_allclose(
            picture[covered], np.tile([123.675, 116.28, 103.53], (covered.sum(), 1))
        )
        rows, columns = (np.flatnonzero(covered.any(axis=axis)) for axis in (1, 0))
        # One full rectangle, with the aspect asked for but for rounding.
        assert covered.sum() == len(rows) * len(columns)
        assert np.ptp(rows) == len(rows) - 1
        assert np.ptp(columns) == len(columns) - 1
        assert 0.4 < len(rows) / len(columns) < 2.5
        shares.append(covered.mean())
        edges["top"].add(rows[0] == 0)
        edges["bottom"].add(rows[-1] == HEIGHT - 1)
        edges["left"].add(columns[0] == 0)
        edges["right"].add(columns[-1] == WIDTH - 1)
    assert 0.085 < min(shares) < 0.115
    assert 0.185 < max(shares) < 0.215
    # The rectangle reaches every edge now and then.
    assert all(reached == {True, False} for reached in edges.values())


def test_erasing_may_cover_all():
    found = _augmented(
        20,
        erasing=1.0,
        erasing_smallest_area=1.0,
        erasing_largest_area=1.0,
        erasing_aspect=0.3,
    )
    # Sides longer than the image's are cut to them.
    assert found.shape == (20, HEIGHT, WIDTH, 3)
    assert (found == np.float32(123.675)).any()


@pytest.mark.parametrize(
    "kwargs",
    [
        {"flip": 1.5},
        {"crop_padding": -0.1},
        {"hue": 0.6},
        {"low_resolution_scale": 0.0},
        {"erasing_smallest_area": 0.5, "erasing_largest_area": 0.4},
        {"erasing_smallest_area": 0.0},
        {"erasing_aspect": 0.0},
    ],
)
def test_values_out_of_range_name_the_flag(kwargs):
    with pytest.raises(errors.UserError) as caught:
        augmentation.Augmentation(**kwargs)
    assert str(caught.value).startswith(f"--augment_{list(kwargs)[-1]}=")


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("flip", 0, 1),
        ("crop_padding", 0, 1),
        ("hue", 0, 0.5),
        ("colour_cast", 0, 1),
        ("low_resolution_scale", 0.01, 1),
        ("erasing_smallest_area", 0.001, 0.4),
        ("erasing_largest_area", 0.02, 1),
        ("erasing_aspect", 0.01, 1),
    ],
)
def test_ranges(name, least, most):
    for allowed in (least, most):
        assert getattr(augmentation.Augmentation(**{name: allowed}), name) == allowed
    for refused in (least - 1e-6, most + 1e-6):
        with pytest.raises(errors.UserError, match="--augment_"):
            augmentation.Augmentation(**{name: refused})


def test_defaults():
    """A work directory records them."""
    assert dataclasses.asdict(augmentation.Augmentation()) == {
        "flip": 0.5,
        "crop_padding": 0.0,
        "crop_fill": "black",
        "brightness": 0.0,
        "contrast": 0.0,
        "saturation": 0.0,
        "hue": 0.0,
        "colour_cast": 0.0,
        "grey": 0.0,
        "low_resolution": 0.0,
        "low_resolution_scale": 0.3,
        "erasing": 0.0,
        "erasing_smallest_area": 0.02,
        "erasing_largest_area": 0.4,
        "erasing_aspect": 0.3,
    }


def test_flips_alone_are_on_by_default():
    default = augmentation.Augmentation()
    assert default.flip == 0.5
    found = augmentation.augment(_picture(), _draws(1)[0], _options())
    np.testing.assert_array_equal(found, _picture())
