"""PRID 2011: half of the persons of both views, against all of view B."""

from __future__ import annotations

from dimn_tf import errors
from dimn_tf.evaluation.protocols import lottery, protocol, shipped
from dimn_tf.evaluation.protocols import trial as trial_lib

PROBES = 100
PERSONS_IN_BOTH_VIEWS = 200  # larger ids are of persons of one view


def draw(asked: protocol.Asked) -> list[trial_lib.Trial]:
    """100 of the 200 paired persons, view A as probe; all B-only persons in B."""
    view_a, view_b = asked.by_person("cam_a"), asked.by_person("cam_b")
    paired = range(1, PERSONS_IN_BOTH_VIEWS + 1)
    lost = [p for p in paired if p not in view_a or p not in view_b]
    if lost:
        raise errors.UserError(
            f"{asked.records.reference}: persons 1 to {PERSONS_IN_BOTH_VIEWS} must be "
            f"in both views, {len(lost)} are not (the first is {lost[0]}): the "
            "archive is incomplete"
        )
    by_probe = {view_a[person]: view_b[person] for person in paired}
    alone = sorted(view_b[p] for p in view_b if p > PERSONS_IN_BOTH_VIEWS)
    drawn = []
    for number in range(1, lottery.TRIALS + 1):
        name = f"trial{number}"
        order = lottery.shuffled(by_probe, asked.options.trial_seed, f"prid/{name}")
        pairs = [(probe, by_probe[probe]) for probe in sorted(order[:PROBES])]
        drawn.append(trial_lib.Trial.of_pairs(name, pairs, alone))
    return drawn


PROTOCOL = shipped.protocol_of("prid", draw)
