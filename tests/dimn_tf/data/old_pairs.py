"""The rule of pairs as it was before a batch could hold K images, word for word."""

import numpy as np


def draw(space, identities_per_batch, domain_sampling, cross_camera_pairs, seed, step):
    """`PairSampler.sample` of commit c925730: domains, labels, gallery, probe."""
    starts = np.array([d.first_label for d in space.domains] + [space.num_identities])
    rng = np.random.default_rng([seed, int(step)])
    if domain_sampling == "all":
        low, high = 0, starts[-1]
    else:
        if domain_sampling == "uniform":
            position = rng.integers(len(starts) - 1)
        else:
            label = rng.integers(starts[-1])
            position = np.searchsorted(starts, label, side="right") - 1
        low, high = starts[position : position + 2]
    labels = low + rng.choice(
        high - low, identities_per_batch, replace=False, shuffle=False
    )
    domains = np.searchsorted(starts, labels, side="right") - 1
    gallery = np.empty(len(labels), np.int64)
    probe = np.empty(len(labels), np.int64)
    for position in np.unique(domains):
        chosen = domains == position
        domain = space.domains[position]
        first, second = _pairs(
            rng, domain, labels[chosen] - domain.first_label, cross_camera_pairs
        )
        gallery[chosen] = domain.image_indices[first]
        probe[chosen] = domain.image_indices[second]
    return domains, labels, gallery, probe


def _pairs(rng, domain, identities, cross_camera_pairs):
    starts = domain.offsets[identities]
    counts = domain.offsets[identities + 1] - starts
    first = rng.integers(counts)
    second = rng.integers(np.maximum(counts - 1, 1))
    second = np.where(counts > 1, second + (second >= first), first)
    first, second = starts + first, starts + second
    if cross_camera_pairs:
        draws = rng.random(len(identities))
        for row, (start, count) in enumerate(zip(starts, counts, strict=True)):
            cameras = domain.cameras[start : start + count]
            others = np.flatnonzero(cameras != domain.cameras[first[row]])
            if len(others):
                second[row] = start + others[int(draws[row] * len(others))]
    return first, second
