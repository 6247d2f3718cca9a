"""What the tests of protocols share."""

from dimn_tf.evaluation import options as options_lib
from dimn_tf.evaluation.protocols import naming, protocol, resolved_trial


def asked(records, person_ids=None, **changes):
    """These records, with changed options."""
    options = options_lib.EvaluationOptions(**changes)
    return protocol.Asked.of(records, options, person_ids=person_ids)


def resolve(records, trials):
    """The trials over these records."""
    positions = {name: i for i, name in enumerate(naming.image_names(records))}
    return [resolved_trial.ResolvedTrial.of(t, records, positions) for t in trials]


def rows(cameras=(1, 2), shots=3, persons=5, split="images", ending="png"):
    """Rows of `fake_records`: each person some times in each camera."""
    return [
        (split, f"{p}/{c}_{k}.{ending}", p, c)
        for p in range(1, persons + 1)
        for c in cameras
        for k in range(shots)
    ]
