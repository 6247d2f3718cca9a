"""How much of a target was trained on: such figures say nothing about new people."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from dimn_tf.evaluation import targets as targets_lib
from dimn_tf.evaluation import trials as trials_lib


class TrainedOn(Protocol):
    """What is asked of a source; every `dimn_tf.data.domain.Domain` is one."""

    records: trials_lib.Records
    image_indices: np.ndarray  # int64 [n], positions in the records


@dataclasses.dataclass(frozen=True)
class Seen:
    """How many of a target's persons and images were trained on.

    Attributes:
        persons: Persons of the trials with an image that was trained on, be that
            image in a trial or not.
        of_persons: Persons of the trials.
        images: Images of the trials that were trained on.
        of_images: Images of the trials.
    """

    persons: int
    of_persons: int
    images: int
    of_images: int

    def __str__(self) -> str:
        return (
            f"TRAINED ON {self.persons:,} of its {self.of_persons:,} persons and "
            f"{self.images:,} of its {self.of_images:,} images"
        )


def with_seen(
    target: targets_lib.Target, sources: Sequence[TrainedOn]
) -> targets_lib.Target:
    """The target, with what of it was trained on; itself where nothing was.

    Images are told by the data set and their file names in it; of own data, by the
    files themselves, whichever folder or list names them.

    Args:
        target: See `targets.load_target`.
        sources: What was trained on, at least those sources for which
            `may_share_images` holds.
    """
    records, trained = target.records, set()
    for source in sources:
        if may_share_images(source.records.reference, records.reference):
            trained.update(_files(source.records)[source.image_indices].tolist())
    if not trained:
        return target
    seen = np.array([name in trained for name in _files(records).tolist()])
    taking_part = np.zeros(len(seen), bool)
    for trial in target.trials:
        taking_part[trial.probe_indices] = True
        taking_part[trial.gallery_indices] = True
    persons = np.unique(records.person_ids[taking_part])
    known = np.isin(persons, records.person_ids[seen])
    if not known.any():
        return target
    found = Seen(
        int(known.sum()),
        len(persons),
        int((seen & taking_part).sum()),
        int(taking_part.sum()),
    )
    return dataclasses.replace(target, seen_in_training=found)


def may_share_images(one: str, other: str) -> bool:
    """Whether two references can name the same images; looks at names only."""
    from data_builders import facts, registry

    (name, config), (other_name, other_config) = map(
        registry.split_reference, (one, other)
    )
    if name != other_name:
        return False
    forms = (None, facts.COMPLETE, facts.PARTIAL)  # Of one archive.
    both_forms = config in forms and other_config in forms
    return name == registry.OWN_DATA or both_forms or config == other_config


def _files(records: trials_lib.Records) -> np.ndarray:
    """What tells an image from all others of the same data set: object [N]."""
    from data_builders import registry
    from data_builders.reid_folder import reference

    name, config = registry.split_reference(records.reference)
    names = records.file_names.tolist()
    if name == registry.OWN_DATA:
        named = reference.parse(config or "")
        root = os.path.realpath(named.path.parent if named.is_csv else named.path)
        names = [os.path.normpath(os.path.join(root, file)) for file in names]
    found = np.empty(len(names), object)
    found[:] = names
    return found
