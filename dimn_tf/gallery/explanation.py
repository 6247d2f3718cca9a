"""Why an entry was found: where in probe and match its score, or its margin, is from.

A score's maps are red all over, since features are seldom negative: whatever two people
share adds to it. What tells one entry from the others is its margin, the score less the
mean score of the best entries that a search found (the `Others`), itself among them.
With w_j their vectors and w the mean of these,

    m_i = s_i - mean_j s_j = scale * p . (w_i - w),

which is linear in p, the probe's feature as the score takes it: its shares are as exact
as the score's (see `with_maps`). Of a match that is more alike in every way, places
speak for it all over too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from dimn_tf import images
from dimn_tf.export import served_model
from dimn_tf.gallery import base, content_hash, entries, filters

AGAINST = 10
"""Best entries that a match is told from; ours: of more, a map of the margin looks like
that of the score, red all over."""
TOLERANCE = 0.01
"""Largest difference of a score from the index' (which may be of half precision),
before an image counts as changed since it was enrolled, relative to what adds up to the
score: the sizes of its shares, whose sum is small where they cancel out; ours."""
COPIES_TOLERANCE = 0.2
"""The same of smaller copies, which score otherwise; ours. By a throw-away script, of
pictures as the service keeps them, the ten best entries of each of VIPeR's 632 people
scored otherwise by 13 % of the best score at most, half by less than 1 %. A wrong
picture is mostly found: other people's in its place: 63 % in the middle."""

_AT_A_TIME = 16  # Pairs explained.
_READ_AT_A_TIME = 4096  # Vectors.
_CHANGED = "changed since enrolment"


@dataclasses.dataclass(frozen=True)
class Found:
    """A hit with its image.

    Attributes:
        hit: Its score is the model's.
        likeness: The score over its scale and the length of the probe's feature: what
            thresholds are of (see `calibration.likeness`).
        image: The enrolled image's file, or None.
        missing: Why there is no image or no map of it; empty where there is.
        probe_map: float32 [rows, columns], the shares of the probe's places in the
            score, whose sum is the score, or in the margin where there is one; None
            where not asked for or not to be had.
        gallery_map: Those of the enrolled image's places, likewise.
        margin: The score less the others' mean score; None where not asked for.
    """

    hit: entries.Hit
    likeness: float
    image: bytes | None = None
    missing: str = ""
    probe_map: np.ndarray | None = None
    gallery_map: np.ndarray | None = None
    margin: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Others:
    """What hits are told from: the best entries that a search found, and themselves.

    Attributes:
        count: N of the best entries.
        mean: float32 [E], the mean of their vectors.
        differences: float32 [hits, E], of the hits' vectors from the mean of what each
            is told from: of a hit behind the N best, these and itself.
    """

    count: int
    mean: np.ndarray
    differences: np.ndarray

    def count_of(self, place: int) -> int:
        """How many entries the hit at a place, 0 the best, is told from with itself."""
        return self.count + int(0 < self.count <= place)


def others_of(
    gallery: base.BaseGallery,
    found: Sequence[entries.Hit],
    hits: int,
    against: int | None = None,
) -> Others:
    """The mean of what a search found, and what its first hits differ by.

    What a hit is told from is the same however many hits are asked for.

    Args:
        gallery: That was searched.
        found: Best first.
        hits: How many of them are to be explained.
        against: How many of the best ones they are told from; None: all.

    Raises:
        errors.UserError: an entry was removed since the search.
    """
    names = [hit.entry_id for hit in found]
    best = names[:against]
    total = np.zeros(gallery.dimension)
    for start in range(0, len(best), _READ_AT_A_TIME):
        part = gallery.vectors(best[start : start + _READ_AT_A_TIME])
        total += part.sum(axis=0, dtype=np.float64)
    count = len(best)
    mean = total / max(1, count)
    differences = gallery.vectors(names[:hits]) - mean
    differences[count:] *= count / (count + 1)  # Of these the hit itself is one more.
    return Others(count, mean.astype(np.float32), differences.astype(np.float32))


def none(vector: np.ndarray) -> Others:
    """No others: an entry of this vector, [E], has its score for a margin."""
    return Others(0, np.zeros_like(vector), vector[np.newaxis])


def with_images(found: Sequence[Found]) -> list[Found]:
    """Reads the images of entries that `enrolment.enrol` added.

    What lies under an image's name now is no evidence where it is another picture.
    """
    read = []
    for row in found:
        path = filters.text_of(row.hit.metadata, "path")
        if path is None:
            read.append(dataclasses.replace(row, missing="no image known"))
            continue
        try:
            content = images.content_of(path)
            if not content_hash.is_as_enrolled(content, row.hit.metadata):
                read.append(dataclasses.replace(row, missing=_CHANGED))
                continue
            image = images.checked(content, compression=images.READ_AT_ONCE)
            read.append(dataclasses.replace(row, image=image))
        except images.ImageFault as error:
            read.append(dataclasses.replace(row, missing=error.reason))
    return read


def explained(
    model: served_model.ServedModel,
    probe: bytes,
    found: Sequence[Found],
    others: Others | None = None,
    copies: bool = False,
) -> list[Found]:
    """Adds the maps to those that have an image; with `others`, margins to all.

    The score is linear in each side's pooled feature map, but for the lengths that
    vectors are divided by: the match's classifier (`--normalise_classifiers`), and the
    probe's feature where `--normalise_probes` divides it. A map holds these constant.
    Without the second, a place's share of the probe's map is what the score, or the
    margin, would lose without the place. From an enrolled image's map of the margin the
    others' mean score is taken in even parts, since it is no place's more than
    another's. A place sees beyond its square of the image, since the encoder's
    receptive field is larger.

    Args:
        model: The gallery's.
        probe: Image file.
        found: Of `with_images`; scores are the model's.
        others: What they are told from, of as many hits; None explains the scores.
        copies: Whether the images are smaller copies of those enrolled. Their scores
            may be others, and what these differ by is put on the map in even parts.

    Returns:
        The same, with maps; without where the image was changed since it was enrolled.

    Raises:
        errors.UserError: the model's score is no sum over places, or its export is
            older than the maps of margins.
    """
    rows = [i for i, row in enumerate(found) if row.image is not None]
    made = list(found)
    against, mean_score = None, 0.0
    if others is not None:
        asked = [*others.differences, others.mean]
        against = model.explain_vectors(probe, np.stack(asked))
        *margins, mean_score = against.scores.tolist()
        made = [
            dataclasses.replace(row, margin=margin)
            for row, margin in zip(found, margins, strict=True)
        ]
    if not rows:
        return made
    best = max(abs(row.hit.score) for row in found)
    tolerance = COPIES_TOLERANCE if copies else TOLERANCE
    for start in range(0, len(rows), _AT_A_TIME):
        part = rows[start : start + _AT_A_TIME]
        told = model.explain(probe, [found[i].image for i in part])
        for k, i in enumerate(part):
            if told.faults[k]:
                made[i] = dataclasses.replace(
                    made[i], image=None, missing=told.faults[k]
                )
            elif abs(told.scores[k] - found[i].hit.score) > tolerance * max(
                best, float(np.abs(told.probe_maps[k]).sum())
            ):
                made[i] = dataclasses.replace(made[i], missing=_CHANGED)
            else:
                probe_map, gallery_map = told.probe_maps[k], told.gallery_maps[k]
                if copies:
                    lost = found[i].hit.score - told.scores[k]
                    gallery_map = gallery_map + lost / gallery_map.size
                if against is not None:
                    probe_map = against.probe_maps[i]
                    beneath = mean_score
                    if others.count_of(i) > others.count:
                        beneath += made[i].margin / others.count
                    gallery_map = gallery_map - beneath / gallery_map.size
                made[i] = dataclasses.replace(
                    made[i], probe_map=probe_map, gallery_map=gallery_map
                )
    return made
