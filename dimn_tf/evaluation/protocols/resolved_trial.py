"""A trial over the records of a data set: positions, identities and cameras."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from dimn_tf import errors
from dimn_tf.evaluation.protocols import trial as trial_lib

_NAMED_IN_ERRORS = 5


class Records(Protocol):
    """What evaluation asks of a data set (see `dimn_tf.data.records`)."""

    reference: str
    person_ids: np.ndarray  # int64 [N]
    camera_ids: np.ndarray  # int64 [N]
    file_names: np.ndarray  # str [N]
    splits: np.ndarray  # str [N]
    training_splits: Sequence[str]  # empty: all

    def encoded_images(self, indices: Sequence[int]) -> list[bytes]:
        """The encoded images at these positions."""
        ...


@dataclasses.dataclass(frozen=True)
class ResolvedTrial:
    """One ranking of P probes against G gallery images of a data set's N records.

    Attributes:
      name: of the trial, unique within its target.
      probe_indices: int64 [P], positions in the records.
      gallery_indices: int64 [G].
      probe_ids: int64 [P], identities.
      gallery_ids: int64 [G]; those that no probe has are distractors.
      probe_cameras: int64 [P], given only where the Market-1501 camera rule holds.
      gallery_cameras: int64 [G], given together with `probe_cameras`.
    """

    name: str
    probe_indices: np.ndarray
    gallery_indices: np.ndarray
    probe_ids: np.ndarray
    gallery_ids: np.ndarray
    probe_cameras: np.ndarray | None = None
    gallery_cameras: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        trial: trial_lib.Trial,
        records: Records,
        positions: Mapping[str, int],
    ) -> ResolvedTrial:
        """Looks a trial up.

        Args:
          trial: by the images' names.
          records: the data set.
          positions: name of an image -> its position in the records.

        Raises:
          UserError: the records lack images of the trial, or give a paired trial's
            images other identities than its pairs say.
        """
        names = trial.probes + trial.gallery
        lost = [name for name in names if name not in positions]
        if lost:
            more = ", ..." if len(lost) > _NAMED_IN_ERRORS else ""
            raise errors.UserError(
                f"trial {trial.name} of {records.reference} names {len(lost)} of "
                f"{len(names)} images that the built data set lacks: "
                f"{', '.join(lost[:_NAMED_IN_ERRORS])}{more}. The archive that was "
                "built is incomplete or renamed: build the data set anew from the "
                "complete archive (python -m experiments.build_datasets)"
            )
        probes = np.array([positions[name] for name in trial.probes], np.int64)
        gallery = np.array([positions[name] for name in trial.gallery], np.int64)
        persons, cameras = records.person_ids, (None, None)
        if trial.paired:
            _check_pairs(trial, records, persons[probes], persons[gallery])
        if trial.camera_rule == trial_lib.CROSS_CAMERA:
            cameras = records.camera_ids[probes], records.camera_ids[gallery]
        return cls(
            trial.name, probes, gallery, persons[probes], persons[gallery], *cameras
        )


def _check_pairs(trial, records, probe_ids, gallery_ids) -> None:
    """Raises where the records' identities are not those that the pairs say."""
    count = len(trial.probes)
    wrong = np.flatnonzero(probe_ids != gallery_ids[:count])
    if len(wrong):
        probe, match = trial.pairs[wrong[0]]
        raise errors.UserError(
            f"trial {trial.name} of {records.reference} pairs {probe} with {match}, "
            f"but the records give them identities {probe_ids[wrong[0]]} and "
            f"{gallery_ids[wrong[0]]}: list and data set do not belong together"
        )
    known = np.isin(gallery_ids[count:], probe_ids)
    if known.any():
        name = trial.distractors[int(np.flatnonzero(known)[0])]
        raise errors.UserError(
            f"trial {trial.name} of {records.reference} lists {name} as a "
            "distractor, but a probe has its identity"
        )
