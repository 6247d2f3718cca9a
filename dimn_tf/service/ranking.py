"""What a search finds, and whether that is all."""

from __future__ import annotations

import dataclasses

import numpy as np

from dimn_tf.gallery import base, filters
from dimn_tf.gallery import entries as entries_lib


@dataclasses.dataclass(frozen=True)
class Ranked:
    """What a search found for a probe.

    Attributes:
        hits: Best first.
        limited: Whether there may be more: a gallery on Milvus looks at its
            `largest_k` best entries for some searches.
    """

    hits: list[entries_lib.Hit]
    limited: bool


def ranked(
    gallery: base.BaseGallery,
    features: np.ndarray,
    k: int,
    one_per_person: bool,
    wanted: filters.Filter | None,
) -> list[Ranked]:
    """The k best entries for each probe; see `BaseGallery.search`."""
    found = gallery.search(features, k, one_per_person, wanted)
    most = gallery.largest_k
    looked_further = most is not None and (one_per_person or wanted is not None)
    limited = looked_further and len(gallery) > most
    return [Ranked(hits, limited and len(hits) < k) for hits in found]
