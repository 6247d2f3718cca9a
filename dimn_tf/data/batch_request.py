"""What a method asks the pipeline for, step by step."""

import dataclasses

from dimn_tf import errors

DOMAIN_SAMPLING = ("uniform", "proportional", "by_images", "all", "quota")
EACH = "each"
"""A method's own to ask for: a step of one batch would see the first domain alone."""


@dataclasses.dataclass(frozen=True)
class BatchRequest:
    """The images of one training step.

    Attributes:
        identities: P, distinct identities a batch.
        images_per_identity: K, images of each; an identity with fewer repeats them.
        domain_sampling: Where the identities come from. `uniform`: one domain a
            step, each as often (the paper's Algorithm 1; the weights are not stated,
            equal ones are ours). `proportional`: one domain a step, as often as it
            has identities. `by_images`: one domain a step, as often as it has images,
            so that each image is seen as often. `all`: all domains together, so that a
            domain gives in proportion to its identities (the words of the paper's
            section 3).
            `quota`: every domain gives its share, as equal as can be; what is left
            over goes to domains drawn at random each step. `each`: the i-th of several
            batches is of the i-th domain alone (then of the first one again).
        cross_camera: Whether an identity's images are taken from cameras that its
            earlier ones are not from, as long as it has any.
        batches: Independent batches a step; labels are distinct within each.
        sources_in_whole: Of how many sources P has --identities_per_batch each; 1: P is
            --identities_per_batch, wherever they come from.

    Raises:
        errors.UserError: a value is out of range.
    """

    identities: int
    images_per_identity: int = 2
    domain_sampling: str = "uniform"
    cross_camera: bool = False
    batches: int = 1
    sources_in_whole: int = 1

    def __post_init__(self):
        if self.domain_sampling not in (*DOMAIN_SAMPLING, EACH):
            raise errors.UserError(
                f"--domain_sampling={self.domain_sampling}: expected one of "
                f"{', '.join(DOMAIN_SAMPLING)}."
            )
        for name, value in (
            ("--identities_per_batch", self.identities),
            ("--images_per_identity", self.images_per_identity),
            ("batches a step", self.batches),
        ):
            if value < 1:
                raise errors.UserError(f"{name}={value}: expected at least 1.")

    @property
    def told(self) -> str:
        """--identities_per_batch as it was given, for errors; P beside it if other."""
        given = self.identities // self.sources_in_whole
        flag = f"--identities_per_batch={given}"
        if self.sources_in_whole == 1:
            return flag
        return (
            f"{flag} ({self.identities} identities a step: {given} of each of "
            f"{self.sources_in_whole} sources)"
        )

    @property
    def images(self) -> int:
        """Images a step, of all its batches."""
        return self.batches * self.identities * self.images_per_identity

    @property
    def leading(self) -> tuple[int, ...]:
        """Leading axes of everything that a step delivers: () or (batches,)."""
        return (self.batches,) if self.batches > 1 else ()
