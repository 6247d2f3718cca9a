"""The trial that a data set states itself, by splits `probe` and `gallery`."""

from __future__ import annotations

from dimn_tf import errors
from dimn_tf.evaluation.protocols import protocol, resolved_trial
from dimn_tf.evaluation.protocols import trial as trial_lib

PROBE, GALLERY = "probe", "gallery"
"""Own data's `query` is read as `probe`."""


def are_there(records: resolved_trial.Records) -> bool:
    """Whether there are both splits."""
    return {PROBE, GALLERY} <= set(records.splits.tolist())


def _make(asked: protocol.Asked) -> tuple[list[trial_lib.Trial], str]:
    records = asked.records
    if not are_there(records):
        found = ", ".join(sorted(set(records.splits.tolist())))
        raise errors.UserError(
            f"--own_trials=splits: {records.reference} has no splits {PROBE} and "
            f"{GALLERY}; it has {found}. Name both in the column `split` of a CSV, or "
            "use --own_trials=pairs"
        )
    trial = trial_lib.Trial(
        "splits",
        asked.chosen(asked.identities & (records.splits == PROBE)),
        asked.chosen(asked.identities & (records.splits == GALLERY)),
        camera_rule=asked.options.camera_rule,
    )
    return [trial], f"its splits {PROBE} and {GALLERY}"


PROTOCOL = protocol.Protocol(_make, "one trial: the splits `probe` and `gallery`")
