"""A classical baseline: colour histograms of horizontal stripes."""

import dataclasses

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class ColourHistogram:
    """Describes a pedestrian by the colours of six horizontal stripes.

    Each stripe has one histogram a channel of hue, saturation and value. A hue
    says little where a colour is nearly grey, so pixels vote for their hue with
    their saturation. The whole descriptor is scaled to sum 1 and its square root
    taken: the dot product of two descriptors is then the Bhattacharyya coefficient
    of their histograms, 0..1, and ranks as the Hellinger distance does.

    It learns nothing, and stands where a method stands: `encode`,
    `probe_representation`, `gallery_representation`, `held_gallery` and `score` are a
    method's.

    Example, a picture that is red all over:

    >>> histogram = ColourHistogram(stripes=1, bins=4)
    >>> image = np.zeros([1, 2, 2, 3], np.float32) + [255.0, 0.0, 0.0]
    >>> histogram.encode(image)[0] ** 2
    array([0.333, 0, 0, 0, 0, 0, 0, 0.333, 0, 0, 0, 0.333])

    Attributes:
        stripes: Horizontal stripes of equal height (H >= stripes).
        bins: Bins of each channel's histogram.

    References: Gray and Tao, "Viewpoint Invariant Pedestrian Recognition with an
        Ensemble of Localized Features", ECCV 2008 (six stripes, histograms of
        several colour channels); Arandjelovic and Zisserman, "Three Things Everyone
        Should Know to Improve Object Retrieval", CVPR 2012 (the square root).
    """

    stripes: int = 6
    bins: int = 16

    score_name = "bhattacharyya"

    @property
    def feature_dimension(self) -> int:
        """Length of the descriptor: stripes * 3 channels * bins."""
        return self.stripes * 3 * self.bins

    def encode(self, images) -> np.ndarray:
        """Descriptors: float32 RGB [n, H, W, 3] in 0..255 -> float32 [n, D], >= 0.

        Each has Euclidean length 1. Its order is stripe by stripe from the top,
        in each the bins of hue, saturation and value.

        Raises:
            ValueError: images of another shape, or lower than `stripes` pixels.
        """
        images = tf.convert_to_tensor(images, tf.float32)
        if images.shape.rank != 4 or images.shape[-1] != 3:
            raise ValueError(f"images must be [n, H, W, 3]; got {images.shape}.")
        if images.shape[1] < self.stripes:
            raise ValueError(
                f"images must be at least {self.stripes} pixels high, one for each "
                f"stripe; got {images.shape}."
            )
        hsv = tf.image.rgb_to_hsv(images / 255.0).numpy()
        weights = np.ones_like(hsv)
        weights[..., 0] = hsv[..., 1]
        parts = [
            self._histograms(stripe, weight)
            for stripe, weight in zip(
                np.array_split(hsv, self.stripes, axis=1),
                np.array_split(weights, self.stripes, axis=1),
                strict=True,
            )
        ]
        histograms = np.concatenate(parts, axis=1)
        return np.sqrt(histograms / histograms.sum(axis=1, keepdims=True))

    def _histograms(self, hsv, weights) -> np.ndarray:
        """Weighted histograms of all channels: [n, h, w, 3] twice -> [n, 3 * bins].

        Divided by the number of pixels, so that stripes that differ by a row of
        pixels weigh alike.
        """
        count, height, width, channels = hsv.shape
        # The top value, 1.0, belongs to the last bin.
        cells = np.minimum((hsv * self.bins).astype(np.int64), self.bins - 1)
        rows = np.arange(count)[:, None, None, None] * channels + np.arange(channels)
        sums = np.bincount(
            (rows * self.bins + cells).ravel(),
            weights=weights.ravel(),
            minlength=count * channels * self.bins,
        )
        sums = sums.reshape(count, channels * self.bins) / (height * width)
        return sums.astype(np.float32)

    def probe_representation(self, features):
        """The descriptor itself."""
        return features

    def gallery_representation(self, features):
        """The descriptor itself."""
        return features

    def held_gallery(self, representations):
        """The descriptors as they are: they are scored where they lie."""
        return representations

    def score(self, probes, gallery) -> np.ndarray:
        """Bhattacharyya coefficients, 0..1: [P, D], [G, D] -> float32 [P, G]."""
        return np.asarray(probes, np.float32) @ np.asarray(gallery, np.float32).T
