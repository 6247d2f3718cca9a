"""Which images of an identity a batch takes: K of each, without replacement."""

import numpy as np

from dimn_tf.data import domain as domains_module

_NEVER = np.iinfo(np.int64).max


def draw_images(
    rng: np.random.Generator,
    domain: domains_module.Domain,
    identities: np.ndarray,
    count: int,
    cross_camera: bool = False,
) -> np.ndarray:
    """Draws images of some identities of one domain.

    No image is drawn twice before all of its identity's have been: an identity with
    fewer than `count` images then starts a new round of them. An identity costs
    O(count^2), and with `cross_camera` the number of its images on top.

    Args:
        rng: Gives the numbers: `count` arrays of integers, each but the first
            followed by one of floats with `cross_camera`.
        domain: The images.
        identities: int [n], positions in `domain.person_ids`.
        count: K, images of each.
        cross_camera: Whether to take an image of a camera that the identity's earlier
            draws are not from, as long as there is one.

    Returns:
        int64 [n, K], positions in the domain's arrays.
    """
    starts = domain.offsets[identities]
    counts = domain.offsets[identities + 1] - starts
    fresh = _FreshCameras(domain.cameras, starts, counts) if cross_camera else None
    drawn = np.empty((len(identities), count), np.int64)
    for place in range(count):
        in_round = place % counts
        choice = rng.integers(counts - in_round)
        # One of the round's others: skip over the earlier draws, in ascending order.
        first_of_round = (place - in_round)[:, np.newaxis]
        earlier = np.where(np.arange(place) < first_of_round, _NEVER, drawn[:, :place])
        earlier.sort(axis=1)
        for taken in earlier.T:
            choice += choice >= taken
        if fresh is not None and place:
            fresh.leave_out(drawn[:, place - 1])
            choice = fresh.draw(rng, choice)
        drawn[:, place] = choice
    return starts[:, np.newaxis] + drawn


class _FreshCameras:
    """The images of each identity by cameras that no draw of it was from yet."""

    def __init__(self, cameras, starts, counts):
        self._ends = np.cumsum(counts)
        self._firsts = self._ends - counts
        # All images of all identities, one identity after the other.
        self._owners = np.repeat(np.arange(len(counts)), counts)
        places = np.arange(len(self._owners)) + (starts - self._firsts)[self._owners]
        self._cameras = cameras[places]
        self._fresh = np.ones(len(places), bool)

    def leave_out(self, drawn):
        """Takes out the images of the cameras of one draw, int [n] in the identity."""
        used = self._cameras[self._firsts + drawn]
        self._fresh &= self._cameras != used[self._owners]

    def draw(self, rng, otherwise):
        """One image of each, int [n]; `otherwise` where none is left."""
        before = np.concatenate([[0], np.cumsum(self._fresh)])
        found = before[self._ends] - before[self._firsts]
        rank = before[self._firsts] + (rng.random(len(found)) * found).astype(np.int64)
        place = np.searchsorted(before, rank, side="right") - 1
        return np.where(found > 0, place - self._firsts, otherwise)
