"""What a method may know of the training labels: counts, and no image."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class LabelSpecification:
    """The labels that a method is trained on.

    Attributes:
        num_identities: C; labels are 0..C-1.
        num_domains: M, source data sets.
        num_cameras: Cameras of all sources; one source's are never another's.
        domain_of_label: int32 [C], the domain (0..M-1) of each label; any sequence
            of integers will do.

    Raises:
        ValueError: the lengths or values do not fit each other.
    """

    num_identities: int
    num_domains: int
    num_cameras: int
    domain_of_label: np.ndarray = dataclasses.field(repr=False)

    def __post_init__(self):
        domains = np.array(self.domain_of_label, np.int32)
        if domains.shape != (self.num_identities,):
            raise ValueError(
                f"domain_of_label has the shape {domains.shape}, expected "
                f"({self.num_identities},), one domain a label"
            )
        if domains.size and not 0 <= domains.min() <= domains.max() < self.num_domains:
            raise ValueError(
                f"domain_of_label holds {domains.min()} to {domains.max()}, expected "
                f"0 to {self.num_domains - 1}"
            )
        domains.flags.writeable = False
        object.__setattr__(self, "domain_of_label", domains)
