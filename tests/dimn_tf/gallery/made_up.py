"""Vectors and entries for galleries, and what a search of them finds."""

import numpy as np

from dimn_tf.gallery import Entry

D, MODEL = 16, "ab" * 32


def vectors(count, seed=0):
    """float32 [count, D]."""
    return np.random.default_rng(seed).normal(size=(count, D)).astype(np.float32)


def entries(vectors, start=0, persons=None):
    """Entries e0, e1, ... (from `start`) of vectors, of the persons p0, p1, ...."""
    return [
        Entry(
            f"e{start + i}", v, None if persons is None else f"p{persons[i]}", {"i": i}
        )
        for i, v in enumerate(vectors)
    ]


def ids(hits):
    """Entry ids of a search's answer."""
    return [[hit.entry_id for hit in row] for row in hits]


def brute(vectors, probes, k):
    """The ids that looking at every vector finds: e0, e1, ... in their order."""
    order = np.argsort(-(probes @ vectors.T), axis=1)[:, :k]
    return [[f"e{i}" for i in row] for row in order]
