"""Tests of the colour-histogram baseline by hand arithmetic."""

import numpy as np
import pytest

from dimn_tf.evaluation import colour_histogram

RED, BLUE, GREY, BLACK = (255, 0, 0), (0, 0, 255), (128, 128, 128), (0, 0, 0)


def _image(*rows):
    return np.array([rows], np.float32)


def test_one_colour():
    # Red has hue 0, saturation 1, value 1: one bin of each channel, a third each.
    histogram = colour_histogram.ColourHistogram(stripes=1, bins=4)
    features = histogram.encode(_image([RED, RED], [RED, RED]))
    expected = [1 / 3, 0, 0, 0, 0, 0, 0, 1 / 3, 0, 0, 0, 1 / 3]
    np.testing.assert_allclose(features[0] ** 2, expected, atol=1e-6)
    assert features.dtype == np.float32


def test_two_colours_and_grey_without_hue():
    # Hues: red 0 -> bin 0, blue 2/3 -> bin 2; the grey pixels vote for no hue.
    # Saturations: two of 1, two of 0. Values: three of 1 or 128/255 -> bins 3, 2.
    histogram = colour_histogram.ColourHistogram(stripes=1, bins=4)
    features = histogram.encode(_image([RED, BLUE], [GREY, GREY]))
    hue, saturation, value = [1, 0, 1, 0], [2, 0, 0, 2], [0, 0, 2, 2]
    expected = np.array(hue + saturation + value) / 10
    np.testing.assert_allclose(features[0] ** 2, expected, atol=1e-6)


def test_stripes_follow_each_other_from_the_top():
    histogram = colour_histogram.ColourHistogram(stripes=2, bins=2)
    features = histogram.encode(_image([RED], [BLACK]))
    # Red: hue, saturation, value 1 each; black: no hue, saturation 0, value 0.
    expected = np.array([1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0]) / 5
    np.testing.assert_allclose(features[0] ** 2, expected, atol=1e-6)


def test_uneven_stripes_weigh_alike():
    # Three rows in two stripes: two rows of black above, one below.
    histogram = colour_histogram.ColourHistogram(stripes=2, bins=1)
    features = histogram.encode(_image([BLACK], [BLACK], [BLACK]))
    np.testing.assert_allclose(
        features[0] ** 2, np.array([0, 1, 1, 0, 1, 1]) / 4, atol=1e-6
    )


def test_score_is_the_bhattacharyya_coefficient():
    histogram = colour_histogram.ColourHistogram(stripes=1, bins=4)
    red, half, blue = (
        histogram.encode(_image(row)) for row in ([RED, RED], [RED, BLUE], [BLUE, BLUE])
    )
    probes = histogram.probe_representation(red)
    gallery = histogram.gallery_representation(np.concatenate([red, half, blue]))
    # Saturation and value agree: 1/3 each; hue: 1/3, sqrt(1/3 * 1/6), 0.
    expected = [[1, 2 / 3 + np.sqrt(1 / 18), 2 / 3]]
    np.testing.assert_allclose(histogram.score(probes, gallery), expected, atol=1e-6)


def test_each_image_is_described_by_itself():
    histogram = colour_histogram.ColourHistogram()
    images = np.random.default_rng(0).uniform(0, 255, [5, 13, 7, 3]).astype(np.float32)
    together = histogram.encode(images)
    assert together.shape == (5, histogram.feature_dimension) == (5, 6 * 3 * 16)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, rtol=1e-5)
    for image, feature in zip(images, together, strict=True):
        np.testing.assert_allclose(histogram.encode(image[None])[0], feature, rtol=1e-6)


@pytest.mark.parametrize("shape", [(5, 8, 3), (1, 8, 8, 1), (1, 5, 8, 3)])
def test_other_shapes_are_errors(shape):
    with pytest.raises(ValueError, match="images must be"):
        colour_histogram.ColourHistogram().encode(np.zeros(shape, np.float32))
