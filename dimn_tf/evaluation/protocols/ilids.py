"""QMUL i-LIDS: 60 persons drawn anew in each trial, two images of each."""

from __future__ import annotations

from dimn_tf.evaluation.protocols import pairs, protocol, shipped, trial

IDENTITIES = 60  # half of the 119 persons


def draw(asked: protocol.Asked) -> list[trial.Trial]:
    """One image of each of 60 persons as probe, another one as its true match."""
    return pairs.one_pair_per_identity(asked, IDENTITIES)


PROTOCOL = shipped.protocol_of("ilids", draw)
