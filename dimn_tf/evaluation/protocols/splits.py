"""The trial that a data set states itself, by splits of probes and of the gallery."""

from __future__ import annotations

from dimn_tf import errors
from dimn_tf.evaluation.protocols import protocol, resolved_trial
from dimn_tf.evaluation.protocols import trial as trial_lib

PROBE, GALLERY = "probe", "gallery"
"""Own data's `query` is read as `probe`."""
_QUERY = "query"  # Market-1501's name for it, and that of all in its layout


def are_there(records: resolved_trial.Records) -> bool:
    """Whether there are both splits under the names that need not be asked for."""
    return {PROBE, GALLERY} <= set(records.splits.tolist())


def used(records: resolved_trial.Records) -> tuple[str, str]:
    """The splits of the probes and of the gallery, whether they are there or not."""
    there = set(records.splits.tolist())
    return (_QUERY if _QUERY in there and PROBE not in there else PROBE), GALLERY


def _make(asked: protocol.Asked) -> tuple[list[trial_lib.Trial], str]:
    records = asked.records
    probe, gallery = used(records)
    there = set(records.splits.tolist())
    if not {probe, gallery} <= there:
        found = ", ".join(sorted(there))
        raise errors.UserError(
            f"--own_trials=splits: {records.reference} has no splits {PROBE} and "
            f"{GALLERY} ({_QUERY} in place of {PROBE} will do); it has {found}. "
            "Name both in the column `split` of a CSV, or use --own_trials=pairs"
        )
    trial = trial_lib.Trial(
        "splits",
        asked.chosen(asked.identities & (records.splits == probe)),
        asked.chosen(
            (asked.identities | asked.strangers) & (records.splits == gallery)
        ),
        camera_rule=asked.options.camera_rule,
    )
    return [trial], f"its splits {probe} and {gallery}"


PROTOCOL = protocol.Protocol(
    _make, "one trial: the splits `probe` (or `query`) and `gallery`"
)
