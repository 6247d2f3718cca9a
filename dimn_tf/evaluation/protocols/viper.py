"""VIPeR: random halves of the persons, one view against the other."""

from __future__ import annotations

from dimn_tf import errors
from dimn_tf.evaluation.protocols import lottery, protocol, shipped
from dimn_tf.evaluation.protocols import trial as trial_lib

SPLITS = 5


def draw(
    asked: protocol.Asked, splits: int = SPLITS, both_halves: bool = True
) -> list[trial_lib.Trial]:
    """Random halves of the persons, camera A as probe; with the other half swapped.

    The paper: "5 random train/test splits, plus their swapped version".
    """
    reference, seed = asked.records.reference, asked.options.trial_seed
    view_a, view_b = asked.by_person("cam_a"), asked.by_person("cam_b")
    if set(view_a) != set(view_b):
        alone = sorted(set(view_a) ^ set(view_b))
        raise errors.UserError(
            f"{reference}: {len(alone)} persons are in one view only "
            f"(the first is {alone[0]}): the archive is incomplete"
        )
    by_probe = {view_a[person]: view_b[person] for person in view_a}
    half = len(by_probe) // 2
    drawn = []
    for split in range(1, splits + 1):
        order = lottery.shuffled(by_probe, seed, f"viper/split{split}")
        halves = [order[:half], order[half:]] if both_halves else [order[:half]]
        for number, probes in enumerate(halves, start=1):
            name = f"split{split}" + (f"_half{number}" if both_halves else "")
            pairs = [(probe, by_probe[probe]) for probe in sorted(probes)]
            drawn.append(trial_lib.Trial.of_pairs(name, pairs))
    return drawn


def _make(asked: protocol.Asked) -> tuple[list[trial_lib.Trial], str]:
    variant = asked.options.viper_trials
    if variant in ("halves", "cameras"):
        trials, source = shipped.shipped_list("viper"), shipped.source("viper")
        if variant == "cameras":
            trials = [trial for trial in trials if trial.name.endswith("half1")]
    else:
        trials = draw(asked, lottery.TRIALS, both_halves=False)
        source = f"10 random halves drawn by seed {asked.options.trial_seed}"
    if variant in ("cameras", "both_ways"):
        trials = trials + [trial.swapped() for trial in trials]
        source += ", and with cameras swapped"
    return trials, source


PROTOCOL = protocol.Protocol(_make, draw=draw)
