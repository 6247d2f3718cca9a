"""Algorithm 1's sampling: domains, their identities, K images of each."""

from typing import NamedTuple

import numpy as np

from dimn_tf import errors
from dimn_tf.data import batch_request, hard_groups, identity_images
from dimn_tf.data import label_space as label_spaces


class Drawn(NamedTuple):
    """The images of one step, with a first axis [batches] where there are several.

    Attributes:
        domains: int32 [P], position of each identity's domain in the label space.
        labels: int32 [P], distinct identities, 0..C-1.
        images: int64 [P, K], positions in the records of the domain.
        cameras: int32 [P, K], 0..num_cameras-1.
    """

    domains: np.ndarray
    labels: np.ndarray
    images: np.ndarray
    cameras: np.ndarray


class IdentitySampler:
    """Draws P identities and K images of each, step by step.

    A step's draw is a pure function of the seed and the step, so a resumed run sees
    what an uninterrupted one would, and a step costs O(P K log C), whatever the
    number of identities or images (see `identity_images` for `cross_camera`). The
    images of an identity differ as long as it has others; where it has not, only
    augmentation tells them apart. With `groups` a draw is a function of what they
    know, too.

    Args:
        label_space: Identities and their images.
        request: What a step takes.
        seed: 0 to 2^31 - 1.
        groups: What puts identities that are alike together, if anything does.

    Attributes:
        starts: int64 [M + 1], the label at which each domain starts, and C.

    Raises:
        errors.UserError: the sources have too few identities for the request, or the
            seed is out of range.
    """

    def __init__(
        self,
        label_space: label_spaces.LabelSpace,
        request: batch_request.BatchRequest,
        seed: int = 0,
        groups: hard_groups.HardGroups | None = None,
    ):
        if not 0 <= seed < 2**31:
            raise errors.UserError(f"--seed={seed}: expected 0 to {2**31 - 1}.")
        self.label_space = label_space
        self.request = request
        self.seed = seed
        self.groups = groups
        self.starts = np.array(
            [domain.first_label for domain in label_space.domains]
            + [label_space.num_identities]
        )
        # Likewise of images.
        counts = [domain.num_images for domain in label_space.domains]
        self._image_starts = np.concatenate([[0], np.cumsum(counts)])
        self._check_enough_identities()
        self._check_groups()

    def sample(self, step: int) -> Drawn:
        """What a step (0, 1, 2, ...) takes."""
        first = self._sample_batch(np.random.default_rng([self.seed, int(step)]), 0)
        if self.request.batches == 1:
            return first
        others = (
            self._sample_batch(
                np.random.default_rng([self.seed, int(step), batch]), batch
            )
            for batch in range(1, self.request.batches)
        )
        return Drawn(*map(np.stack, zip(first, *others, strict=True)))

    def _sample_batch(self, rng: np.random.Generator, batch: int) -> Drawn:
        labels = self._sample_labels(rng, batch)
        domains = np.searchsorted(self.starts, labels, side="right") - 1
        shape = (len(labels), self.request.images_per_identity)
        images, cameras = np.empty(shape, np.int64), np.empty(shape, np.int32)
        for position in np.unique(domains):
            chosen = domains == position
            domain = self.label_space.domains[position]
            drawn = identity_images.draw_images(
                rng,
                domain,
                labels[chosen] - domain.first_label,
                self.request.images_per_identity,
                self.request.cross_camera,
            )
            images[chosen] = domain.image_indices[drawn]
            cameras[chosen] = domain.camera_labels[drawn]
        return Drawn(domains.astype(np.int32), labels.astype(np.int32), images, cameras)

    def _check_groups(self):
        """Raises where no draw would have a group."""
        if self.groups is None:
            return
        drawn, of = self.request.identities, "--identities_per_batch"
        if self.request.domain_sampling == "quota":
            drawn, of = drawn // (len(self.starts) - 1), f"a source's share of {of}"
        if not self.groups.whole(drawn):
            raise errors.UserError(
                f"--hard_share={self.groups.share:g} of {drawn} identities ({of}) is "
                f"no whole group of --hard_group={self.groups.size}. Lower that, or "
                "raise --hard_share."
            )

    def _sample_labels(self, rng: np.random.Generator, batch: int) -> np.ndarray:
        """Distinct labels of a step's batch (0, 1, ...), int64 [P]."""
        identities, sampling = self.request.identities, self.request.domain_sampling
        if sampling == "quota":
            return self._sample_quota(rng)
        if sampling == "all":
            return self._draw(rng, 0, self.starts[-1], identities)
        if sampling == batch_request.EACH:
            position = batch % (len(self.starts) - 1)
        elif sampling == "uniform":
            position = rng.integers(len(self.starts) - 1)
        elif sampling == "by_images":
            image = rng.integers(self._image_starts[-1])
            position = np.searchsorted(self._image_starts, image, side="right") - 1
        else:
            label = rng.integers(self.starts[-1])
            position = np.searchsorted(self.starts, label, side="right") - 1
        return self._draw(rng, *self.starts[position : position + 2], identities)

    def _draw(self, rng, low: int, high: int, size: int) -> np.ndarray:
        """`size` distinct labels of low..high-1, in groups where there are such."""
        labels = _choose(rng, low, high, size)
        return self.groups.put_into(rng, labels) if self.groups else labels

    def _sample_quota(self, rng: np.random.Generator) -> np.ndarray:
        num_domains = len(self.starts) - 1
        share, left_over = divmod(self.request.identities, num_domains)
        shares = np.full(num_domains, share)
        shares[rng.choice(num_domains, left_over, replace=False)] += 1
        labels = np.concatenate(
            [
                self._draw(rng, low, high, size)
                for low, high, size in zip(
                    self.starts[:-1], self.starts[1:], shares, strict=True
                )
            ]
        )
        # Replicas share a batch out by its order: of each domain in turn, as long as
        # it has any, so that a share of M identities or more sees them all.
        labels = rng.permutation(labels)
        domains = np.searchsorted(self.starts, labels, side="right") - 1
        turn = np.empty(len(labels), np.int64)
        for position in range(num_domains):
            of_domain = domains == position
            turn[of_domain] = np.arange(np.count_nonzero(of_domain))
        return labels[np.argsort(turn, kind="stable")]

    def _check_enough_identities(self):
        """Raises where a draw could not find as many distinct identities."""
        identities, sampling = self.request.identities, self.request.domain_sampling
        flag, domains = self.request.told, self.label_space.domains
        if sampling == "quota" and identities < len(domains):
            raise errors.UserError(
                f"{flag}: with --domain_sampling=quota each of the {len(domains)} "
                f"sources gives an identity to every batch: expected at least "
                f"{len(domains)}."
            )
        if sampling == "all":
            needed = identities
            found = {"all sources together": int(self.starts[-1])}
        else:
            needed = (
                -(-identities // len(domains)) if sampling == "quota" else identities
            )
            found = {d.records.reference: d.num_identities for d in domains}
        if sampling == "quota":
            expected = f"{needed}, a source's share of {flag}"
        else:
            expected = flag
        for name, count in found.items():
            if count < needed:
                raise errors.UserError(
                    f"{name}: found {count} identities, expected at least {expected}. "
                    "Lower that flag or --holdout_identities, "
                    + (
                        "or take the data set out of --sources."
                        if sampling in ("each", "quota")  # What the method needs.
                        else "take the data set out of --sources, or draw from all "
                        "sources with --domain_sampling=all."
                    )
                )


def _choose(rng, low: int, high: int, size: int) -> np.ndarray:
    """`size` distinct integers of low..high-1, int64.

    Floyd's method inside: no permutation of all. The order within a batch carries no
    meaning, so it need not be shuffled.
    """
    return low + rng.choice(high - low, size, replace=False, shuffle=False)
