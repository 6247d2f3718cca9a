"""Accuracy over episodes of classes that training has not seen."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from dimn_tf import errors, progress
from dimn_tf.fewshot import base, episodes

_ENCODED_AT_ONCE = 256  # images
_SCORED_AT_ONCE = 50  # episodes


@dataclasses.dataclass(frozen=True)
class Accuracy:
    """The accuracies of some episodes.

    Attributes:
        of_episodes: float64 [E], 0..1, each over its queries.
    """

    of_episodes: np.ndarray

    @property
    def mean(self) -> float:
        """Per cent."""
        return 100.0 * float(self.of_episodes.mean())

    @property
    def interval(self) -> float:
        """Half of the 95 % interval of the mean, 1.96 s / sqrt(E), in per cent."""
        spread = float(self.of_episodes.std(ddof=1))
        return 100.0 * 1.96 * spread / math.sqrt(len(self.of_episodes))


def evaluate(
    method: base.FewShotMethod,
    images: np.ndarray,
    drawn: episodes.Episodes,
    count: int,
    statistics: str = "published",
    label: str = "episodes",
    log: Callable[[str], None] | None = None,
) -> Accuracy:
    """Tests a method on the episodes 0, ..., count - 1.

    Where nothing of an episode enters its features, each distinct image is encoded once
    and many episodes are scored at a time.

    Args:
        method: For inference.
        images: Of the split; see `class_space.images_of`.
        drawn: Episodes of the same split.
        count: How many, at least 2.
        statistics: See `options.TestOptions.test_statistics`.
        label: Leads the lines of progress.
        log: Takes them.

    Raises:
        errors.UserError: statistics that the method cannot be tested with, or scores
            that are not finite or tell nothing.
    """
    kinds = type(method).statistics
    if statistics == "published":
        statistics = kinds[0]
    if statistics not in kinds:
        raise errors.UserError(
            f"--test_statistics={statistics}: {type(method).__name__} can be tested "
            f"with {' or '.join(kinds)}."
        )
    chosen = [drawn.episode(i) for i in range(count)]
    once = statistics == "moving" and isinstance(method, base.FeatureMethod)
    score = _by_features if once else _by_images
    found = []
    with progress.bar(total=count, label=label, unit="episodes", log=log) as shown:
        for scores in score(method, images, chosen, statistics):
            _refuse_lifeless(scores, label)
            right = np.repeat(
                np.arange(scores.shape[-1]), scores.shape[-2] // scores.shape[-1]
            )
            found.append((scores.argmax(axis=-1) == right).mean(axis=-1))
            shown.update(len(scores))
    return Accuracy(np.concatenate(found).astype(np.float64))


def _by_features(method, images, chosen, statistics):
    """Scores [E, M, N] of some episodes at a time."""
    del statistics  # The moving averages.
    features = np.concatenate(
        [
            np.asarray(
                method.features(tf.cast(images[i : i + _ENCODED_AT_ONCE], tf.float32))
            )
            for i in range(0, len(images), _ENCODED_AT_ONCE)
        ]
    )
    score = tf.function(method.scores_of_features, reduce_retracing=True)
    for i in range(0, len(chosen), _SCORED_AT_ONCE):
        part = chosen[i : i + _SCORED_AT_ONCE]
        support = np.stack([features[e.support] for e in part])
        queries = np.stack([features[e.queries.ravel()] for e in part])
        yield np.asarray(score(tf.constant(support), tf.constant(queries)))


def _by_images(method, images, chosen, statistics):
    """Scores [1, M, N] of one episode after the other."""
    for episode in chosen:
        support = tf.constant(images[episode.support])
        queries = tf.constant(images[episode.queries.ravel()])
        scores = method.episode_scores(support, queries, statistics)
        yield np.asarray(scores)[np.newaxis]


def _refuse_lifeless(scores: np.ndarray, label: str) -> None:
    """NaN has no largest one, and of equal scores the first would be taken."""
    finite = np.isfinite(scores).all()
    if not finite or not np.ptp(scores, axis=-1).any():
        found = "the same for all classes" if finite else "not finite"
        raise errors.UserError(
            f"{label}: scores are {found}: the model's weights are broken; train again "
            "with a lower --learning_rate_start"
        )
