"""Methods by name."""

from dimn_tf.methods.aggregation import Aggregation
from dimn_tf.methods.base import Method
from dimn_tf.methods.dimn import DIMN

# A new method is one file and one line here.
METHODS: dict[str, type[Method]] = {
    "dimn": DIMN,
    "aggregation": Aggregation,
}

__all__ = ["METHODS", "Aggregation", "DIMN", "Method"]
