"""What can be chosen about an evaluation; none of it changes what is trained."""

import dataclasses

from dimn_tf import config
from dimn_tf.evaluation import ranking
from dimn_tf.evaluation.protocols import registry, trial

_OWN_TRIALS = ", ".join(
    f"`{name}` ({protocol.help})" for name, protocol in registry.OWN.items()
)


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
    own_trials: str = config.option(
        registry.AUTO,
        f"Trials of data sets without a published protocol: {_OWN_TRIALS}; or "
        f"`{registry.AUTO}`, ours: splits where there are `probe` and "
        "`gallery`, else pairs.",
        choices=(registry.AUTO, *registry.OWN),
        changes_result=False,
    )
    gallery_images: int = config.option(
        1,
        "Gallery images of each identity in drawn `pairs`; ours: 1. 0: all but the "
        "probe.",
        changes_result=False,
        least=0,
    )
    camera_rule: str = config.option(
        trial.NO_RULE,
        "Whether, in trials without a published protocol, gallery images of the "
        "probe's own identity and camera are passed over (`cross_camera`, the "
        "Market-1501 rule); ours: none are.",
        choices=trial.CAMERA_RULES,
        changes_result=False,
    )
    unmatched_probes: str = config.option(
        "refuse",
        "What happens to probes without a true match in the gallery: an error that "
        "names them (ours), or counted apart and left out of CMC and mAP.",
        choices=ranking.UNMATCHED_PROBES,
        changes_result=False,
    )
    evaluation_batch_size: int = config.option(
        64,
        "Images a batch at test; changes the speed only.",
        changes_result=False,
        least=1,
    )
    ranked_probes: int = config.option(
        8,
        "Probes in the picture of ranked galleries; 0: no picture.",
        changes_result=False,
        least=0,
    )
