"""Methods by name."""

from dimn_tf.methods.aggregation import Aggregation
from dimn_tf.methods.aligned_reid import AlignedReID
from dimn_tf.methods.base import Method
from dimn_tf.methods.crossgrad import CrossGrad
from dimn_tf.methods.dimn import DIMN
from dimn_tf.methods.mldg import MLDG
from dimn_tf.methods.pcb import PCB
from dimn_tf.methods.ppa import PPA
from dimn_tf.methods.reptile import Reptile

# A new method is one file, its import above and one line here.
METHODS: dict[str, type[Method]] = {
    "dimn": DIMN,
    "aggregation": Aggregation,
    "pcb": PCB,
    "aligned_reid": AlignedReID,
    "ppa": PPA,
    "reptile": Reptile,
    "mldg": MLDG,
    "crossgrad": CrossGrad,
}

__all__ = ["METHODS", "Aggregation", "DIMN", "Method"]
