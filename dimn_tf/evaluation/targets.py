"""The targets: data sets to match in, each with its trials."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dimn_tf.evaluation import options as options_lib
from dimn_tf.evaluation.protocols import (
    pairs,
    protocol,
    registry,
    resolved_trial,
    trial_text,
)

if TYPE_CHECKING:
    from dimn_tf.evaluation import seen_in_training

_NO_OPTIONS = options_lib.EvaluationOptions()


@dataclasses.dataclass(frozen=True)
class Target:
    """A data set to match in, and its fixed trials.

    Attributes:
      name: what results are filed under, e.g. `viper` or `synthetic_reid/night`.
      records: its images.
      trials: all of the same numbers of probes and gallery images.
      trials_sha256: hash of the trials by file names.
      trials_source: where they come from, for people.
      seen_in_training: how much of it was trained on; None where nothing was, or
        where nobody looked (see `seen_in_training.with_seen`).
      images_sha256: hash of name, person and camera of the images in the trials; None
        of a published protocol, whose images everybody labels alike.
    """

    name: str
    records: resolved_trial.Records
    trials: tuple[resolved_trial.ResolvedTrial, ...]
    trials_sha256: str
    trials_source: str
    seen_in_training: seen_in_training.Seen | None = None
    images_sha256: str | None = None

    @property
    def hashes(self) -> dict[str, str]:
        """What results tell them by: `trials_sha256`, and `images_sha256` of some."""
        images = {"images_sha256": self.images_sha256} if self.images_sha256 else {}
        return {"trials_sha256": self.trials_sha256, **images}


def load_target(
    reference: str,
    data_dir: str,
    options: options_lib.EvaluationOptions = _NO_OPTIONS,
) -> Target:
    """Opens a built target with its trials.

    Args:
      reference: the target's TFDS name, e.g. `grid` or `synthetic_reid/night`.
      data_dir: TFDS' output folder.
      options: see `EvaluationOptions`.

    Raises:
      UserError: no data set of this name, a target that is not built, or one whose
        images do not fit its trials.
    """
    from dimn_tf.data import records as records_lib

    registry.refuse_unknown(reference)
    records = records_lib.load_records(reference, data_dir)
    return target_of_records(records, options, data_dir)


def target_of_records(
    records: resolved_trial.Records,
    options: options_lib.EvaluationOptions = _NO_OPTIONS,
    data_dir: str = "",
) -> Target:
    """Like `load_target`, of records that are open already."""
    found = registry.trials_of(records, options, data_dir)
    published = registry.is_published(records.reference)
    return _target(records.reference, records, *found, published)


def heldout_target(
    records: resolved_trial.Records,
    person_ids: Sequence[int],
    options: options_lib.EvaluationOptions = _NO_OPTIONS,
) -> Target:
    """A source's held-out identities as a target: one probe, one gallery image each.

    Args:
      records: the source.
      person_ids: raw ids, as `LabelSpace.holdout` lists them.
      options: of these, `trial_seed`.
    """
    asked = protocol.Asked.of(records, options, person_ids=person_ids)
    trials = pairs.one_pair_per_identity(asked)
    taking_part = len(trials[0].probes)
    source = f"{taking_part} of {len(person_ids)} held-out identities, drawn by seed"
    name = f"{records.reference} (held out)"
    return _target(name, records, trials, asked.names, source)


def heldout_targets(
    persons: Mapping[str, Sequence[int]],
    data_dir: str,
    options: options_lib.EvaluationOptions = _NO_OPTIONS,
) -> list[Target]:
    """A target for each source that has identities set aside; see `heldout_target`.

    Args:
      persons: source -> raw ids, as `holdout.load` reads them.
      data_dir: TFDS' output folder.
      options: of these, `trial_seed`.
    """
    from dimn_tf.data import records as records_lib

    return [
        heldout_target(records_lib.load_records(source, data_dir), ids, options)
        for source, ids in persons.items()
        if ids
    ]


def _target(name, records, trials, names, source, published=False) -> Target:
    positions = {image: i for i, image in enumerate(names)}
    resolved = tuple(
        resolved_trial.ResolvedTrial.of(trial, records, positions) for trial in trials
    )
    return Target(
        name,
        records,
        resolved,
        trial_text.sha256(trials),
        source,
        images_sha256=None if published else _images_sha256(resolved, records, names),
    )


def _images_sha256(trials, records, names) -> str:
    sides = [(trial.probe_indices, trial.gallery_indices) for trial in trials]
    taking_part = np.unique(np.concatenate([side for both in sides for side in both]))
    return trial_text.images_sha256(
        (names[i], int(records.person_ids[i]), int(records.camera_ids[i]))
        for i in taking_part
    )
