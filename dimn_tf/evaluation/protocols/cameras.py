"""All images of the first camera against those of all others."""

from __future__ import annotations

from dimn_tf.evaluation.protocols import protocol
from dimn_tf.evaluation.protocols import trial as trial_lib


def _make(asked: protocol.Asked) -> tuple[list[trial_lib.Trial], str]:
    cameras = asked.cameras("--own_trials=cameras")
    first = asked.records.camera_ids == cameras[0]
    trial = trial_lib.Trial(
        "cameras",
        asked.chosen(asked.taking_part & first),
        asked.chosen(asked.taking_part & ~first),
        camera_rule=asked.options.camera_rule,
    )
    return [trial], f"camera {cameras[0]} against {len(cameras) - 1} other camera(s)"


PROTOCOL = protocol.Protocol(
    _make,
    "one trial: all images of the first camera are probes, those of the others the "
    "gallery",
)
