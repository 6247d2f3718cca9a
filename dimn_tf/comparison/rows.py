"""The rows of the comparison: what each trains, and what it is called."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Row:
    """One system of the comparison.

    Attributes:
        label: What tables call it.
        flags: What its training takes beside the flag file, by flag name.
        paper: Its name in `paper_results`; None: the paper has no such row.
        encoder_passes: Forward and backward passes of the encoder an image that is
            seen, the forward as a third of both; what one image costs a method.
    """

    label: str
    flags: dict[str, str]
    paper: str | None = None
    encoder_passes: float = 1.0


def _method(name: str, label: str, passes: float = 1.0) -> Row:
    return Row(label, {"method": name}, name, passes)


TABLE_2: dict[str, Row] = {
    "aggregation": _method("aggregation", "aggregation"),
    "pcb": _method("pcb", "aggregation, PCB"),
    "aligned_reid": _method("aligned_reid", "aggregation, AlignedReID"),
    "ppa": _method("ppa", "PPA"),
    "reptile": _method("reptile", "Reptile"),
    # Images of two of three sources: through the step, back, and back of that.
    "mldg": _method("mldg", "MLDG", 2.3),
    # Two nets, each on real and on perturbed images.
    "crossgrad": _method("crossgrad", "CrossGrad", 4.0),
    "dimn": _method("dimn", "DIMN"),
}
"""The paper's Table 2, in its order."""

TABLE_7: dict[str, Row] = {
    "dimn_no_memory": Row(
        "DIMN without memory bank",
        {"method": "dimn", "memory_bank": "false"},
        "dimn_no_memory",
    ),
    "dimn_no_running_average": Row(
        "DIMN without running average",
        {"method": "dimn", "running_average": "1"},
        "dimn_no_running_average",
    ),
    "dimn_no_logit_triplet": Row(
        "DIMN without logit-triplet",
        {"method": "dimn", "triplet_weight": "0"},
        "dimn_no_logit_triplet",
    ),
    "dimn": TABLE_2["dimn"],
}
"""The paper's Table 7, in its order."""

SAMPLING: dict[str, Row] = {
    "dimn_mixed_domains": Row(
        "DIMN, all domains in a batch", {"method": "dimn", "domain_sampling": "all"}
    ),
    "aggregation_one_domain": Row(
        "aggregation, one domain a batch",
        {"method": "aggregation", "domain_sampling": "uniform"},
    ),
}
"""Ours: they tell what the sampling of domains does from what the mapping does."""

ROWS: dict[str, Row] = {**TABLE_2, **TABLE_7, **SAMPLING}
