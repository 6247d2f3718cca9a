"""Test episodes: N classes, K support and Q query images of each, drawn by number."""

import dataclasses

import numpy as np

from dimn_tf.data import batch_request, label_space, sampler
from dimn_tf.fewshot import class_space


@dataclasses.dataclass(frozen=True)
class Episode:
    """One task of telling classes apart.

    Attributes:
        classes: int32 [N], labels of its classes, in the order of its outputs.
        support: int64 [N, K], places among the split's images (see
            `class_space.images_of`).
        queries: int64 [N, Q], likewise; none is among the support.
    """

    classes: np.ndarray
    support: np.ndarray
    queries: np.ndarray


class Episodes:
    """The episodes 0, 1, 2, ... of a split, each a pure function of seed and number.

    Args:
        space: Of `class_space.load`.
        ways: N.
        shots: K.
        queries: Q.
        seed: 0 to 2^31 - 1.

    Raises:
        errors.UserError: fewer classes than N, or a class of fewer than K + Q images.
    """

    def __init__(
        self,
        space: label_space.LabelSpace,
        ways: int,
        shots: int,
        queries: int,
        seed: int,
    ):
        class_space.refuse_few_classes(space, ways, "--ways")
        class_space.refuse_small_classes(
            space, shots + queries, f"{shots} shots and {queries} queries"
        )
        request = batch_request.BatchRequest(ways, shots + queries, "all")
        self._sampler = sampler.IdentitySampler(space, request, seed)
        (domain,) = space.domains
        # Place among the images by label, of a position in the records.
        self._places = np.full(len(domain.records), -1)
        self._places[domain.image_indices] = np.arange(domain.num_images)
        self._shots = shots

    def episode(self, number: int) -> Episode:
        """The episode of a number, 0, 1, ..."""
        drawn = self._sampler.sample(number)
        # The sampler's order carries no meaning; the outputs' must not either.
        order = np.random.default_rng([self._sampler.seed, number, 1]).permutation(
            len(drawn.labels)
        )
        places = self._places[drawn.images[order]]
        return Episode(
            drawn.labels[order], places[:, : self._shots], places[:, self._shots :]
        )
