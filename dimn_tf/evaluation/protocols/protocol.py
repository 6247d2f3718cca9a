"""What a protocol is, and what it is asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dimn_tf import errors
from dimn_tf.evaluation.protocols import naming, resolved_trial
from dimn_tf.evaluation.protocols import trial as trial_lib

if TYPE_CHECKING:
    from dimn_tf.evaluation import options as options_lib


@dataclasses.dataclass(frozen=True)
class Asked:
    """A data set of which trials are wanted.

    Attributes:
      records: its images.
      names: of each image in trials (see `naming.image_names`).
      identities: bool [N], which images show an identity to look for.
      taking_part: bool [N], which of these are in splits that trials are made of.
      strangers: bool [N], which images show none, and stand in a gallery all the same.
      options: see `EvaluationOptions`.
      data_dir: TFDS' output folder.
    """

    records: resolved_trial.Records
    names: Sequence[str]
    identities: np.ndarray
    taking_part: np.ndarray
    strangers: np.ndarray
    options: options_lib.EvaluationOptions
    data_dir: str = ""

    @classmethod
    def of(
        cls,
        records: resolved_trial.Records,
        options: options_lib.EvaluationOptions,
        data_dir: str = "",
        person_ids: Sequence[int] | None = None,
        splits: Collection[str] = (),
        stranger_ids: Sequence[int] = (),
    ) -> Asked:
        """Of these records.

        Args:
          records: a data set.
          options: see `EvaluationOptions`.
          data_dir: TFDS' output folder.
          person_ids: raw ids of the identities; None for all.
          splits: those that trials are made of; empty for those that are trained on.
          stranger_ids: raw ids of people whom no probe shows.

        Raises:
          UserError: the records lack a person.
        """
        persons, identities = records.person_ids, np.ones(len(records.splits), bool)
        if person_ids is not None:
            identities = np.isin(persons, list(person_ids))
            lost = set(map(int, person_ids)) - set(persons[identities].tolist())
            if lost:
                raise errors.UserError(
                    f"{records.reference} lacks {len(lost)} of the {len(person_ids)} "
                    f"identities asked for (e.g. {min(lost)})"
                )
        there = set(records.splits.tolist())
        # Own data that is all probes and gallery has no split that is trained on.
        splits = set(splits or records.training_splits) & there or there
        taking_part = identities & np.isin(records.splits, sorted(splits))
        names = naming.image_names(records)
        strangers = np.isin(persons, list(stranger_ids)) & ~identities
        return cls(
            records, names, identities, taking_part, strangers, options, data_dir
        )

    def chosen(self, images: np.ndarray) -> tuple[str, ...]:
        """Sorted names of images: bool [N]."""
        return tuple(sorted(self.names[i] for i in np.flatnonzero(images)))

    def cameras(self, wanted_by: str) -> list[int]:
        """The cameras of the images that take part, rising: two or more.

        Args:
          wanted_by: the flag that needs them, as given.

        Raises:
          UserError: there are not so many.
        """
        found = np.unique(self.records.camera_ids[self.taking_part]).tolist()
        if len(found) < 2:
            raise errors.UserError(
                f"{wanted_by}: {self.records.reference} was seen by one camera, or "
                "tells none. Use --own_trials=pairs with --camera_rule=none, or tell "
                "the cameras (reid_folder:FOLDER?camera=PATTERN, or a column camera_id)"
            )
        return found

    def by_person(self, split: str, passed_over: Collection[int] = ()) -> dict:
        """Person id -> name of the image, in a split of one image a person.

        Raises:
          UserError: a person has two.
        """
        records = self.records
        found: dict[int, str] = {}
        for i in np.flatnonzero(records.splits == split):
            person = int(records.person_ids[i])
            if person in passed_over:
                continue
            if person in found:
                raise errors.UserError(
                    f"{records.reference}: split {split} holds two images of person "
                    f"{person}, {found[person]} and {records.file_names[i]}; the "
                    "protocol knows one"
                )
            found[person] = self.names[i]
        return found


@dataclasses.dataclass(frozen=True)
class Protocol:
    """One way to make trials.

    Attributes:
      make: a data set -> its trials, and where they come from, for people.
      help: for people who choose it by --own_trials.
      draw: a data set -> the trials that the package ships as a list, drawn by
        `trial_seed`; None where it ships none.
    """

    make: Callable[[Asked], tuple[list[trial_lib.Trial], str]]
    help: str = ""
    draw: Callable[[Asked], list[trial_lib.Trial]] | None = None
