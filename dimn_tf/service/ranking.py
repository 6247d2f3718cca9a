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
        limited: Whether there may be more: not of all galleries do searches by a
            filter look at all entries (`BaseGallery.filters_all`).
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
    chosen = one_per_person or wanted is not None
    limited = chosen and not gallery.filters_all and len(gallery) > gallery.largest_k
    return [Ranked(hits, limited and len(hits) < k) for hits in found]
