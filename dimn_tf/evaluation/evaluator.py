"""Ranks a target's trials by a method: each image encoded once, scores by block.

Beside the method's own score, the bare features g(x) are ranked by Euclidean
distance and by cosine: a diagnosis that tells what the mapping adds or costs.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from dimn_tf import errors
from dimn_tf import progress as progress_lib
from dimn_tf.data import pipeline
from dimn_tf.evaluation import ranking
from dimn_tf.evaluation import targets as targets_lib
from dimn_tf.evaluation.protocols import resolved_trial

METHOD = "method"
DIAGNOSIS = ("euclidean", "cosine")
_ROWS = 4096  # features represented at a time


class Matcher(Protocol):
    """What is evaluated; every `dimn_tf.methods.base.Method` is one.

    Features are [n, D], representations [n, E]; a higher score is more alike.
    """

    def encode(self, images):
        """Features of images float32 [n, H, W, 3] in 0..255."""

    def probe_representation(self, features):
        """What a probe is matched by."""

    def gallery_representation(self, features):
        """What a gallery image is matched by."""

    def held_gallery(self, representations):
        """A gallery's [G, E], as `score` takes them for block after block of probes."""

    def score(self, probes, gallery):
        """Likeness: [P, E], [G, E] (held or not) -> [P, G]."""


@dataclasses.dataclass(frozen=True)
class TargetResult:
    """The rankings of all trials of a target.

    Attributes:
      target: with its records and trials.
      rankings: `METHOD` and each of `DIAGNOSIS` -> one result per trial.
      features: the images' features by the method.
      scoring: the method's way to score them.
    """

    target: targets_lib.Target
    rankings: Mapping[str, tuple[ranking.RankingResult, ...]]
    features: Features
    scoring: Scoring


@dataclasses.dataclass(frozen=True)
class Features:
    """Features of those images of a data set that take part in a trial.

    Attributes:
      indices: int64 [M], rising positions in the records.
      values: float32 [M, D].
    """

    indices: np.ndarray
    values: np.ndarray

    def rows(self, indices: np.ndarray) -> np.ndarray:
        """Positions in `values` of images given by their positions in the records."""
        return np.searchsorted(self.indices, indices)


def _as_it_is(gallery: np.ndarray) -> np.ndarray:
    return gallery


@dataclasses.dataclass(frozen=True)
class Scoring:
    """One way to score features: representations of all, and a score of blocks.

    Attributes:
      probes: [M, E], every image as a probe.
      gallery: [M, E], every image as a gallery image.
      score: [P, E], [G, E] -> [P, G], higher = more alike.
      hold: what `score` takes for many blocks of probes: [G, E] -> the same, where the
        score is reckoned. Converted for each block, it would make the time of a
        ranking grow with the square of the gallery.
    """

    probes: np.ndarray
    gallery: np.ndarray
    score: Callable[[np.ndarray, Any], np.ndarray]
    hold: Callable[[np.ndarray], Any] = _as_it_is


def evaluate_target(
    method: Matcher,
    target: targets_lib.Target,
    image_height: int,
    image_width: int,
    batch_size: int = 64,
    progress: bool = True,
    unmatched_probes: str = "refuse",
) -> TargetResult:
    """Ranks every trial of a target by the method, and by its bare features.

    Args:
      method: see `Matcher`.
      target: see `targets.load_target`.
      image_height: rows of the images that the method takes.
      image_width: columns of them.
      batch_size: images encoded at once.
      progress: whether it is shown how far it is (see `dimn_tf.progress`).
      unmatched_probes: see `ranking.evaluate_ranking`.

    Raises:
      UserError: features or scores that are not finite, features or gallery
        representations that are the same for all images, or probes without a true
        match; those before anything is encoded.
    """
    refuse_unrankable(target, unmatched_probes)
    features = encode_target(
        method, target, image_height, image_width, batch_size, progress
    )
    ways = scorings(method, features.values)
    _refuse_lifeless(target.name, "features", features.values)
    _refuse_lifeless(target.name, "classifiers", ways[METHOD].gallery)
    rankings = {}
    for name, scoring in ways.items():
        shown = _bar(
            target.trials,
            label=f"{target.name}: {name}",
            unit="trials",
            show=progress,
        )
        rankings[name] = tuple(
            rank_trial(scoring, features, trial, unmatched_probes) for trial in shown
        )
    return TargetResult(target, rankings, features, ways[METHOD])


def refuse_unrankable(target: targets_lib.Target, unmatched_probes: str) -> None:
    """Looks, without encoding anything, whether every trial can be ranked.

    Args:
      target: see `targets.load_target`.
      unmatched_probes: see `ranking.evaluate_ranking`.

    Raises:
      UserError: probes without a true match that are not to be counted apart.
    """
    for trial in target.trials:
        try:
            _accumulator(trial, unmatched_probes)
        except errors.UserError as error:
            raise errors.UserError(f"{target.name}, {trial.name}: {error}") from error


def encode_target(
    method: Matcher,
    target: targets_lib.Target,
    image_height: int,
    image_width: int,
    batch_size: int = 64,
    progress: bool = True,
) -> Features:
    """Features of all images that any trial names, each encoded once."""
    indices = np.unique(
        np.concatenate(
            [t.probe_indices for t in target.trials]
            + [t.gallery_indices for t in target.trials]
        )
    )
    return encode_images(
        method,
        target.records,
        target.name,
        indices,
        image_height,
        image_width,
        batch_size,
        progress,
    )


def encode_images(
    method: Matcher,
    records: resolved_trial.Records,
    name: str,
    indices: np.ndarray,
    image_height: int,
    image_width: int,
    batch_size: int = 64,
    progress: bool = True,
) -> Features:
    """Features of images of a data set by their rising positions int64 [M]."""
    images = pipeline.image_dataset(
        records, indices, image_height, image_width, batch_size
    )
    values = []
    with _bar(total=len(indices), label=f"{name}: encoding", show=progress) as shown:
        for batch in images:
            values.append(np.asarray(method.encode(batch), np.float32))
            shown.update(len(batch))
    features = np.concatenate(values)
    broken = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(broken):
        first = records.file_names[indices[broken[0]]]
        raise errors.UserError(
            f"{name}: the features of {len(broken)} of {len(indices)} images "
            f"are not finite (the first is {first}): the model's weights are broken; "
            "go back to an earlier checkpoint"
        )
    return Features(indices, features)


def _refuse_lifeless(name: str, what: str, values: np.ndarray) -> None:
    """Refuses what ranks a gallery by its order alone: values [M, E], all rows alike.

    Trials list true matches first, so that ties would look like knowledge.
    """
    if len(values) > 1 and (values == values[0]).all():
        raise errors.UserError(
            f"{name}: the model's {what} of all {len(values):,} images are the same: "
            "it tells nobody apart. Its training went wrong: look at the loss curves, "
            "go back to an earlier checkpoint or train with a lower learning rate"
        )


def scorings(method: Matcher, features: np.ndarray) -> dict[str, Scoring]:
    """The method's score and the diagnosis, over features float32 [M, D]."""
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    units = features / np.maximum(norms, np.finfo(np.float32).tiny)
    return {
        METHOD: Scoring(
            _in_blocks(method.probe_representation, features),
            _in_blocks(method.gallery_representation, features),
            lambda probes, gallery: np.asarray(method.score(probes, gallery)),
            method.held_gallery,
        ),
        "euclidean": Scoring(features, features, negative_squared_distance),
        "cosine": Scoring(units, units, lambda probes, gallery: probes @ gallery.T),
    }


def rank_trial(
    scoring: Scoring,
    features: Features,
    trial: resolved_trial.ResolvedTrial,
    unmatched_probes: str = "refuse",
) -> ranking.RankingResult:
    """CMC and mAP of one trial; scores are made for a block of probes at a time."""
    accumulator = _accumulator(trial, unmatched_probes)
    probes = scoring.probes[features.rows(trial.probe_indices)]
    gallery = scoring.hold(scoring.gallery[features.rows(trial.gallery_indices)])
    for block in accumulator.blocks():
        accumulator.add(scoring.score(probes[block], gallery))
    return accumulator.result()


def _accumulator(trial, unmatched_probes) -> ranking.RankingAccumulator:
    return ranking.RankingAccumulator(
        trial.probe_ids,
        trial.gallery_ids,
        trial.probe_cameras,
        trial.gallery_cameras,
        unmatched_probes=unmatched_probes,
    )


def negative_squared_distance(probes: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Ranks as the Euclidean distance does: [P, D], [G, D] -> [P, G]."""
    squares = np.einsum("pd,pd->p", probes, probes)[:, None]
    squares = squares + np.einsum("gd,gd->g", gallery, gallery)
    return 2 * (probes @ gallery.T) - squares


def _in_blocks(represent: Callable, features: np.ndarray) -> np.ndarray:
    blocks = [
        np.asarray(represent(features[i : i + _ROWS]), np.float32)
        for i in range(0, len(features), _ROWS)
    ]
    return np.concatenate(blocks)


def _bar(*iterable, **given):
    """See `progress.bar`; whoever closed stdout loses no ranking by its lines."""
    return progress_lib.bar(
        *iterable, log=None if sys.stderr.isatty() else _tell, **given
    )


def _tell(line: str) -> None:
    with contextlib.suppress(OSError):
        progress_lib.print_at_once(line)
