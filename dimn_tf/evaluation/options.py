"""What can be chosen about an evaluation; none of it changes what is trained."""

import dataclasses

from dimn_tf import config


@dataclasses.dataclass(frozen=True)
class EvaluationOptions:
    """Options of `evaluate_target` and of the trials."""

    viper_trials: str = config.option(
        "halves",
        "Which trials of VIPeR: `halves` (paper, read literally: 5 random halves and "
        "their other halves, camera A as probe), `cameras` (the other reading: the 5 "
        "halves and the same with cameras swapped), `ten_splits` (followers: 10 random "
        "halves, camera A as probe) or `both_ways` (followers: those 10 and the same "
        "with cameras swapped).",
        choices=("halves", "cameras", "ten_splits", "both_ways"),
        changes_result=False,
    )
    trial_seed: int = config.option(
        0,
        "Seed of the trials that are drawn on the spot (synthetic_reid, held-out "
        "identities, followers' variants of VIPeR); the other lists are fixed.",
        changes_result=False,
    )
    evaluation_batch_size: int = config.option(
        64, "Images a batch at test; changes the speed only.", changes_result=False
    )
    ranked_probes: int = config.option(
        8,
        "Probes in the picture of ranked galleries; 0 draws none.",
        changes_result=False,
    )
