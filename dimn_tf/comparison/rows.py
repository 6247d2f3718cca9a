"""The rows of the comparison: what each trains, and what it is called."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from dimn_tf import methods
from dimn_tf.evaluation import paper_results

REFERENCE = "dimn"
"""The row that all others are compared with."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One system of the comparison.

    Attributes:
        label: What tables call it.
        options: What its training takes beside the shared options, by flag name; its
            `method` among them.
        paper: Its name in `paper_results`; None: the paper has no such row.
    """

    label: str
    options: Mapping[str, Any]
    paper: str | None = None

    @property
    def method(self) -> str:
        """Key of `methods.METHODS`."""
        return self.options["method"]


def _method(name: str, label: str) -> Row:
    return Row(label, {"method": name}, name)


def _lacking(name: str, label: str) -> Row:
    """DIMN without the part that a row of the paper's Table 7 lacks."""
    flag, value = paper_results.WITHOUT_PARTS[name]
    return Row(label, {"method": "dimn", flag: value}, name)


TABLE_2: dict[str, Row] = {
    "aggregation": _method("aggregation", "aggregation"),
    "pcb": _method("pcb", "aggregation, PCB"),
    "aligned_reid": _method("aligned_reid", "aggregation, AlignedReID"),
    "ppa": _method("ppa", "PPA"),
    "reptile": _method("reptile", "Reptile"),
    "mldg": _method("mldg", "MLDG"),
    "crossgrad": _method("crossgrad", "CrossGrad"),
    "dimn": _method("dimn", "DIMN"),
}
"""The paper's Table 2, in its order."""

TABLE_7: dict[str, Row] = {
    "dimn_no_memory": _lacking("dimn_no_memory", "DIMN without memory bank"),
    "dimn_no_running_average": _lacking(
        "dimn_no_running_average", "DIMN without running average"
    ),
    "dimn_no_logit_triplet": _lacking(
        "dimn_no_logit_triplet", "DIMN without logit-triplet"
    ),
    "dimn": TABLE_2["dimn"],
}
"""The paper's Table 7, in its order."""

OURS: dict[str, Row] = {
    "dimn_mixed_domains": Row(
        "DIMN, all domains in a batch", {"method": "dimn", "domain_sampling": "all"}
    ),
    "aggregation_one_domain": Row(
        "aggregation, one domain a batch",
        {"method": "aggregation", "domain_sampling": "uniform"},
    ),
    "reptile_identities": Row(
        "Reptile, one head of all identities",
        {"method": "reptile", "reptile_head": "identities"},
    ),
    **{
        name: Row(name, {"method": name})
        for name in methods.METHODS
        if name not in TABLE_2
    },
}
"""What the paper has not: the sampling's share told from the mapping's, the other
reading of Reptile's head, and every method that is registered beside the paper's, by
its own name."""

ROWS: dict[str, Row] = {**TABLE_2, **TABLE_7, **OURS}
"""All rows by name, in the tables' order."""


def names_of(flags: Mapping[str, Any]) -> list[str]:
    """Which rows a run of these flags is; more than one where it is several at once.

    Those of its method whose own options it has, and of these the ones with the most:
    DIMN without its memory bank is not DIMN.

    Args:
        flags: Of a run, by name; what is missing is taken as not set.
    """
    fitting = {
        name: len(row.options)
        for name, row in ROWS.items()
        if all(key in flags and flags[key] == row.options[key] for key in row.options)
    }
    most = max(fitting.values(), default=0)
    return [name for name, options in fitting.items() if options == most]
