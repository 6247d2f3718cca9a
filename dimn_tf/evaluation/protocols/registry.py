"""All protocols by name: a new one is its module and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dimn_tf import errors
from dimn_tf.evaluation.protocols import (
    all_images,
    cameras,
    grid,
    ilids,
    naming,
    pairs,
    prid,
    resolved_trial,
    splits,
    viper,
)
from dimn_tf.evaluation.protocols import protocol as protocol_lib
from dimn_tf.evaluation.protocols import trial as trial_lib

if TYPE_CHECKING:
    from dimn_tf.evaluation import options as options_lib

PUBLISHED: dict[str, protocol_lib.Protocol] = {
    "viper": viper.PROTOCOL,
    "prid": prid.PROTOCOL,
    "grid": grid.PROTOCOL,
    "ilids": ilids.PROTOCOL,
}
"""Data set -> its published protocol."""

OWN: dict[str, protocol_lib.Protocol] = {
    "pairs": pairs.PROTOCOL,
    "cameras": cameras.PROTOCOL,
    "all": all_images.PROTOCOL,
    "splits": splits.PROTOCOL,
}
"""--own_trials -> the protocol of data sets without a published one."""

AUTO = "auto"
"""--own_trials: the splits `probe` and `gallery` where there are both, else pairs."""


def refuse_unknown(reference: str) -> None:
    """Looks whether there is such a data set, built or not.

    Raises:
      UserError: there is none.
    """
    from data_builders import registry

    if naming.data_set(reference) not in {**PUBLISHED, **registry.DATASETS}:
        raise errors.UserError(
            f"--targets: there is no data set {reference!r}; known are "
            f"{', '.join(registry.person_data_sets())} (synthetic_reid with a domain, "
            "as synthetic_reid/DOMAIN; own data as reid_folder:FOLDER or "
            "reid_folder:FILE.csv)"
        )


def is_published(reference: str) -> bool:
    """Whether a data set has a published protocol."""
    return naming.data_set(reference) in PUBLISHED


def trials_of(
    records: resolved_trial.Records,
    options: options_lib.EvaluationOptions,
    data_dir: str = "",
) -> tuple[list[trial_lib.Trial], list[str], str]:
    """The trials of a data set, by its published protocol or as the options ask.

    Args:
      records: the data set.
      options: see `EvaluationOptions`.
      data_dir: TFDS' output folder.

    Returns:
      The trials, the name of each image in them, and where they come from, for people.

    Raises:
      UserError: no such data set, or one that has no such trials.
    """
    refuse_unknown(records.reference)
    published = PUBLISHED.get(naming.data_set(records.reference))
    if published:
        asked = protocol_lib.Asked.of(records, options, data_dir)
        trials, source = published.make(asked)
        return trials, asked.names, source
    asked, unused = _asked(records, options, data_dir)
    if options.camera_rule == trial_lib.CROSS_CAMERA:
        asked.cameras(f"--camera_rule={trial_lib.CROSS_CAMERA}")
    chosen = options.own_trials
    if chosen == AUTO:
        chosen = "splits" if splits.are_there(records) else "pairs"
    if chosen == "splits":
        unused = set(records.splits.tolist()) - set(splits.used(records))
    trials, source = OWN[chosen].make(asked)
    if unused:
        source += f"; split {', '.join(sorted(unused))} takes no part"
    return trials, asked.names, source + _nobody_left_out(asked, trials)


def _nobody_left_out(asked: protocol_lib.Asked, trials: list[trial_lib.Trial]) -> str:
    """Words about images of no identity that are in no trial; empty for none."""
    if asked.identities.all():
        return ""
    listed = {name for t in trials for name in (*t.probes, *t.gallery)}
    taken = np.array([name in listed for name in asked.names])
    splits_taken = np.isin(asked.records.splits, asked.records.splits[taken])
    left = ~asked.identities & ~taken & splits_taken
    if not left.any():
        return ""
    ids = " and ".join(map(str, np.unique(asked.records.person_ids[left])))
    return f"; images of no identity take no part ({left.sum():,} of person_id {ids})"


def _asked(records, options, data_dir) -> tuple[protocol_lib.Asked, set[str]]:
    """What a protocol of one's own is asked, and the splits that take no part."""
    from data_builders import registry

    name = naming.data_set(records.reference)
    known = registry.facts(name)
    persons = np.setdiff1d(records.person_ids, known.non_identities)
    there, used = set(records.splits.tolist()), set()
    if name == registry.OWN_DATA:
        # What is trained on is not tested on; where that is all, all is drawn from,
        # and `seen_in_training` tells.
        used = (there - set(records.training_splits)) or there
    asked = protocol_lib.Asked.of(
        records, options, data_dir, persons.tolist(), used, known.strangers
    )
    return asked, there - used if used else set()
