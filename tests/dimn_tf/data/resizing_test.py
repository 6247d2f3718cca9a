import numpy as np
import pytest
import tensorflow as tf

from dimn_tf.data import resizing


def _ramp(height, width):
    """A different value in each pixel and channel, uint8 [height, width, 3]."""
    return np.arange(height * width * 3).reshape(height, width, 3) % 251


@pytest.mark.parametrize("file_format", ["PNG", "BMP"])
def test_an_image_of_the_right_size_is_left_alone(encode, file_format):
    pixels = _ramp(6, 5)
    found = resizing.decode_and_resize(encode(pixels, file_format), 6, 5)
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found, pixels)


def test_channels_are_red_green_blue(encode):
    pixels = np.zeros((16, 16, 3)) + [250, 120, 10]
    found = resizing.decode_and_resize(encode(pixels, "JPEG"), 4, 8)
    assert found.shape == (4, 8, 3)
    np.testing.assert_allclose(found, np.zeros((4, 8, 3)) + [250, 120, 10], atol=3)


def test_grey_becomes_three_channels(encode):
    pixels = np.arange(12).reshape(4, 3) * 20
    found = resizing.decode_and_resize(encode(pixels), 4, 3)
    np.testing.assert_array_equal(found, np.repeat(pixels[..., None], 3, axis=2))


def test_alpha_is_dropped(encode):
    pixels = np.concatenate([_ramp(4, 3), np.full((4, 3, 1), 7)], axis=2)
    found = resizing.decode_and_resize(encode(pixels), 4, 3)
    np.testing.assert_array_equal(found, pixels[..., :3])


def test_growing_is_bilinear(encode):
    # Two columns 0 and 100 on four: centres at -0.25, 0.25, 0.75, 1.25.
    pixels = np.zeros((1, 2, 3)) + [[[0], [100]]]
    found = resizing.decode_and_resize(encode(pixels), 1, 4)
    np.testing.assert_allclose(found[0, :, 0], [0, 25, 75, 100], atol=1e-4)


@pytest.mark.parametrize(
    ("height", "width", "axis"), [(8, 64, 0), (64, 8, 1), (8, 8, 0), (8, 8, 1)]
)
def test_shrinking_averages(encode, height, width, axis):
    # A bright line in four; the two nearest lines alone would give half brightness.
    stripes = (np.indices((64, 64))[axis] % 4 == 0) * 255
    found = resizing.decode_and_resize(encode(stripes), height, width).numpy()
    np.testing.assert_allclose(found[1:-1, 1:-1], 255 / 4, atol=2)


@pytest.mark.parametrize("axis", [0, 1])
def test_shrinking_along_one_side_averages_there(encode, axis):
    stripes = (np.indices((64, 8) if axis == 0 else (8, 64))[axis] % 4 == 0) * 255
    found = resizing.decode_and_resize(encode(stripes), 8, 8).numpy()
    np.testing.assert_allclose(found[1:-1, 1:-1], 255 / 4, atol=2)


def test_antialiasing_changes_nothing_where_an_image_grows(encode):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 7, 3))
    found = resizing.decode_and_resize(encode(pixels), 40, 21)
    expected = tf.image.resize(pixels, (40, 21), antialias=True)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_values_stay_in_range(encode):
    pixels = np.random.default_rng(0).integers(0, 2, (50, 50, 3)) * 255
    for size in ((20, 80), (80, 80), (20, 20)):
        found = resizing.decode_and_resize(encode(pixels), *size).numpy()
        assert found.min() >= 0
        assert found.max() <= 255 + 1e-3


def test_shape_is_static_in_a_graph():
    decode = tf.function(
        lambda encoded: resizing.decode_and_resize(encoded, 6, 3),
        input_signature=[tf.TensorSpec((), tf.string)],
    )
    assert decode.get_concrete_function().structured_outputs.shape == (6, 3, 3)
