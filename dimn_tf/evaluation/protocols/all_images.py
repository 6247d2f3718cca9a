"""Every image is a probe against all others: what many cameras need."""

from __future__ import annotations

from dimn_tf.evaluation.protocols import protocol
from dimn_tf.evaluation.protocols import trial as trial_lib


def _make(asked: protocol.Asked) -> tuple[list[trial_lib.Trial], str]:
    cameras = asked.cameras("--own_trials=all")
    names = asked.chosen(asked.taking_part)
    # The rule always holds here: a probe stands in the gallery, too.
    trial = trial_lib.Trial("all", names, names, camera_rule=trial_lib.CROSS_CAMERA)
    return [trial], (
        f"every image against those of all {len(cameras)} cameras, its own person in "
        "its own camera passed over"
    )


PROTOCOL = protocol.Protocol(
    _make,
    "one trial: every image is a probe against all others, its own person in its own "
    "camera passed over",
)
