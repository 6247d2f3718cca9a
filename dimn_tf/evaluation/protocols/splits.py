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
    return [trial], f"its splits {probe} and {gallery}{_of_cameras(asked, trial)}"


def _of_cameras(asked: protocol.Asked, trial: trial_lib.Trial) -> str:
    """Words on matches from the probe's own camera, where the data have several."""
    if trial.camera_rule == trial_lib.CROSS_CAMERA:
        return ", a probe's own person in its own camera passed over"
    found = dict(zip(asked.names, _pairs_of(asked.records), strict=True))
    if len({found[name][1] for name in (*trial.probes, *trial.gallery)}) < 2:
        return ""
    held = {found[name] for name in trial.gallery}
    count = sum(found[name] in held for name in trial.probes)
    if not count:
        return ""
    return (
        f"; {count:,} of {len(trial.probes):,} probes have a match from their own "
        f"camera, which benchmarks pass over (--camera_rule={trial_lib.CROSS_CAMERA})"
    )


def _pairs_of(records: resolved_trial.Records) -> list[tuple[int, int]]:
    """Person and camera of each image."""
    return list(
        zip(records.person_ids.tolist(), records.camera_ids.tolist(), strict=True)
    )


PROTOCOL = protocol.Protocol(
    _make, "one trial: the splits `probe` (or `query`) and `gallery`"
)
