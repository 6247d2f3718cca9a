"""Identities that are hard to tell apart, put into a batch together."""

import numpy as np
import tensorflow as tf

_ROWS_AT_A_TIME = 1024


class HardGroups:
    """How a batch takes in groups of an identity and those most alike to it.

    A group is an identity that was drawn as all are, and the nearest ones of its
    domain; what a batch has beyond its groups stays as it was drawn.

    Args:
        share: Of a batch's identities, those that come in groups; 0..1.
        size: Identities of a group, at least 2.

    Attributes:
        nearest: int32 [C, size - 1], for each label those that are most alike to it,
            the most alike one first; -1: no more are known. None before the first
            search, when batches have no groups.
    """

    def __init__(self, share: float, size: int):
        self.share = share
        self.size = size
        self.nearest: np.ndarray | None = None

    def whole(self, identities: int) -> int:
        """Groups that a draw of so many identities has."""
        return round(self.share * identities / self.size)

    def put_into(self, rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
        """A draw of which some identities give way to those alike to others.

        Args:
            rng: Draws which ones bring theirs along.
            labels: int64 [P], distinct.

        Returns:
            int64 [P], distinct: the groups one after another, then others of the draw.
            An identity that is in one group already brings no second one along.
        """
        grouped = self.whole(len(labels)) * self.size
        if self.nearest is None or not grouped:
            return labels
        order = rng.permutation(labels).tolist()
        taken: dict[int, None] = {}  # A set that keeps its order.
        for label in order:
            if len(taken) >= grouped:
                break
            if label not in taken:
                alike = self.nearest[label]
                taken.update(dict.fromkeys([label, *alike[alike >= 0].tolist()]))
        taken.update(dict.fromkeys(order))
        return np.array(list(taken)[: len(labels)], np.int64)


def nearest(vectors, starts: np.ndarray, size: int) -> np.ndarray:
    """The identities of the same domain that are most alike to each, by cosine.

    It is exact and takes sum of squares of the domains' identities times E products:
    0.6 TFLOP at the paper's 18,530 identities and E = 1,792. At C in the millions an
    approximate index, or one domain's share of all, has to take its place.

    Args:
        vectors: [C, E], one of each identity.
        starts: int [M + 1], the label that each domain starts with, and C.
        size: Of a group: size - 1 are looked for.

    Returns:
        int32 [C, size - 1], the most alike one first; -1 where a domain has no more.
    """
    unit = tf.math.l2_normalize(tf.cast(vectors, tf.float32), axis=-1)
    found = np.full((len(unit), size - 1), -1, np.int32)
    for low, high in zip(starts[:-1], starts[1:], strict=True):
        own, count = unit[low:high], min(size - 1, int(high - low) - 1)
        for first in range(0, int(high - low), _ROWS_AT_A_TIME):
            rows = own[first : first + _ROWS_AT_A_TIME]
            cosines = tf.matmul(rows, own, transpose_b=True)
            # An identity is no neighbour of its own, and a cosine is at least -1.
            diagonal = tf.fill([len(rows)], -2.0)
            cosines = tf.linalg.set_diag(cosines, diagonal, k=first)
            best = tf.math.top_k(cosines, count).indices.numpy()
            found[low + first : low + first + len(rows), :count] = low + best
    return found
