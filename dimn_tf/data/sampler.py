"""Algorithm 1's sampling: a domain, its identities, two images of each."""

from typing import NamedTuple

import numpy as np

from dimn_tf import errors
from dimn_tf.data import domain as domains_module
from dimn_tf.data import label_space as label_spaces

DOMAIN_SAMPLING = ("uniform", "proportional", "all")


class PairIndices(NamedTuple):
    """The images of one mini-batch; all arrays are of length C_b.

    Attributes:
        domains: int64, position of each identity's domain in the label space.
        labels: int32, distinct identities, 0..C-1.
        gallery: int64, index of the gallery image in its domain's records.
        probe: int64, index of the probe image in its domain's records.
    """

    domains: np.ndarray
    labels: np.ndarray
    gallery: np.ndarray
    probe: np.ndarray


class PairSampler:
    """Draws C_b identities and a gallery and a probe image of each, step by step.

    A step's draw is a pure function of the seed and the step, so a resumed run sees
    what an uninterrupted one would, and a step costs O(C_b log C) whatever the
    number of identities or images. The two images of an identity differ unless it
    has but one; then that one is both, and only augmentation tells them apart.

    Args:
        label_space: identities and their images.
        identities_per_batch: C_b (the paper: 32).
        domain_sampling: `uniform` draws one domain a step, each as often (the
            paper's Algorithm 1; the weights are not stated, equal ones are ours),
            `proportional` one domain a step, as often as it has identities, and
            `all` the identities of a step from all domains together (the words of
            the paper's section 3).
        cross_camera_pairs: ours: takes the probe image from another camera than the
            gallery image's where the identity has one; the paper takes any two
            different images.
        seed: 0 to 2^31 - 1.

    Raises:
        errors.UserError: a domain has fewer than C_b identities, or an option is
            out of range.
    """

    def __init__(
        self,
        label_space: label_spaces.LabelSpace,
        identities_per_batch: int = 32,
        domain_sampling: str = "uniform",
        cross_camera_pairs: bool = False,
        seed: int = 0,
    ):
        if domain_sampling not in DOMAIN_SAMPLING:
            raise errors.UserError(
                f"--domain_sampling={domain_sampling}: expected one of "
                f"{', '.join(DOMAIN_SAMPLING)}."
            )
        if identities_per_batch < 1:
            raise errors.UserError(
                f"--identities_per_batch={identities_per_batch}: expected at least 1."
            )
        if not 0 <= seed < 2**31:
            raise errors.UserError(f"--seed={seed}: expected 0 to {2**31 - 1}.")
        self.label_space = label_space
        self.identities_per_batch = identities_per_batch
        self.domain_sampling = domain_sampling
        self.cross_camera_pairs = cross_camera_pairs
        self.seed = seed
        # Label at which each domain starts, and C at the end: [M + 1].
        self._starts = np.array(
            [domain.first_label for domain in label_space.domains]
            + [label_space.num_identities]
        )
        self._check_enough_identities()

    def sample(self, step: int) -> PairIndices:
        """The mini-batch of a step (0, 1, 2, ...)."""
        rng = np.random.default_rng([self.seed, int(step)])
        labels = self._sample_labels(rng)
        domains = np.searchsorted(self._starts, labels, side="right") - 1
        gallery = np.empty(len(labels), np.int64)
        probe = np.empty(len(labels), np.int64)
        for position in np.unique(domains):
            chosen = domains == position
            domain = self.label_space.domains[position]
            first, second = self._sample_pairs(
                rng, domain, labels[chosen] - domain.first_label
            )
            gallery[chosen] = domain.image_indices[first]
            probe[chosen] = domain.image_indices[second]
        return PairIndices(domains, labels.astype(np.int32), gallery, probe)

    def _sample_labels(self, rng: np.random.Generator) -> np.ndarray:
        """Distinct labels, int64 [C_b]."""
        if self.domain_sampling == "all":
            low, high = 0, self._starts[-1]
        else:
            if self.domain_sampling == "uniform":
                position = rng.integers(len(self._starts) - 1)
            else:
                label = rng.integers(self._starts[-1])
                position = np.searchsorted(self._starts, label, side="right") - 1
            low, high = self._starts[position : position + 2]
        # Floyd's method inside: no permutation of all C. The order within a batch
        # carries no meaning, so it need not be shuffled.
        return low + rng.choice(
            high - low, self.identities_per_batch, replace=False, shuffle=False
        )

    def _sample_pairs(
        self,
        rng: np.random.Generator,
        domain: domains_module.Domain,
        identities: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Two images of each identity, as positions in the domain's arrays."""
        starts = domain.offsets[identities]
        counts = domain.offsets[identities + 1] - starts
        first = rng.integers(counts)
        # One of the others: skip over the first where the draw reaches it.
        second = rng.integers(np.maximum(counts - 1, 1))
        second = np.where(counts > 1, second + (second >= first), first)
        first, second = starts + first, starts + second
        if self.cross_camera_pairs:
            draws = rng.random(len(identities))
            for row, (start, count) in enumerate(zip(starts, counts, strict=True)):
                cameras = domain.cameras[start : start + count]
                others = np.flatnonzero(cameras != domain.cameras[first[row]])
                if len(others):
                    second[row] = start + others[int(draws[row] * len(others))]
        return first, second

    def _check_enough_identities(self):
        """Raises where a draw could not find C_b distinct identities."""
        if self.domain_sampling == "all":
            found = {"all sources together": int(self._starts[-1])}
        else:
            found = {
                domain.records.reference: domain.num_identities
                for domain in self.label_space.domains
            }
        for name, count in found.items():
            if count < self.identities_per_batch:
                raise errors.UserError(
                    f"{name}: found {count} identities, expected at least "
                    f"--identities_per_batch={self.identities_per_batch}. Lower that "
                    "flag or --holdout_identities, take the data set out of "
                    "--sources, or draw from all sources with --domain_sampling=all."
                )
