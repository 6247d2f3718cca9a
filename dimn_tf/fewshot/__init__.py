"""Few-shot learning: DIMN on classes, and what the paper compares it with there."""

from dimn_tf.fewshot.base import FewShotMethod
from dimn_tf.fewshot.dimn import DIMN
from dimn_tf.fewshot.maml import MAML
from dimn_tf.fewshot.matching_net import MatchingNet
from dimn_tf.fewshot.meta_lstm import MetaLSTM
from dimn_tf.fewshot.ppa import PPA
from dimn_tf.fewshot.proto_net import ProtoNet
from dimn_tf.fewshot.reptile import Reptile

# A new method is one file and one line here.
METHODS: dict[str, type[FewShotMethod]] = {
    "matching_net": MatchingNet,
    "meta_lstm": MetaLSTM,
    "reptile": Reptile,
    "maml": MAML,
    "ppa": PPA,
    "dimn": DIMN,
    "proto_net": ProtoNet,
}

__all__ = ["METHODS", "FewShotMethod"]
