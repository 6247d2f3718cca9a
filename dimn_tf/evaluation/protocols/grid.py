"""QMUL GRID: the ten folds that its archive states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dimn_tf import errors
from dimn_tf.evaluation.protocols import protocol
from dimn_tf.evaluation.protocols import trial as trial_lib


def trials_of_folds(
    asked: protocol.Asked, folds: Sequence[np.ndarray]
) -> list[trial_lib.Trial]:
    """The official folds: 125 test persons against theirs and all 775 distractors.

    Args:
      asked: its records have splits `probe` and `gallery`; distractors have person
        id 0.
      folds: the test persons' ids of each fold, as the archive states them.
    """
    records = asked.records
    probe, gallery = asked.by_person("probe"), asked.by_person("gallery", {0})
    alone = asked.chosen((records.splits == "gallery") & (records.person_ids == 0))
    trials = []
    for number, persons in enumerate(folds, start=1):
        lost = [p for p in map(int, persons) if p not in probe or p not in gallery]
        if lost:
            raise errors.UserError(
                f"{records.reference}: fold {number} names {len(lost)} persons without "
                f"a probe and a gallery image (the first is {lost[0]}): the archive "
                "is incomplete"
            )
        pairs = [(probe[p], gallery[p]) for p in sorted(map(int, persons))]
        trials.append(trial_lib.Trial.of_pairs(f"fold{number}", pairs, alone))
    return trials


def _make(asked: protocol.Asked) -> tuple[list[trial_lib.Trial], str]:
    from data_builders import registry
    from data_builders.grid import load_folds

    builder = registry.make_builder(asked.records.reference, asked.data_dir)
    return trials_of_folds(asked, load_folds(builder)), "the archive's official folds"


PROTOCOL = protocol.Protocol(_make)
