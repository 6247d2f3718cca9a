"""A trial by the names of its images, before it is looked up in any records."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from dimn_tf import errors

NO_RULE, CROSS_CAMERA = "none", "cross_camera"
CAMERA_RULES = (NO_RULE, CROSS_CAMERA)


@dataclasses.dataclass(frozen=True)
class Trial:
    """Which images of a data set are ranked against which.

    Attributes:
      name: of the trial, unique within its target, without spaces.
      probes: names of the P probes (see `naming.image_names`).
      gallery: names of the gallery images.
      paired: whether gallery image i is the one true match of probe i for i < P, and
        no probe matches the others, the distractors. If not, the gallery may hold
        several images of a person, or none.
      camera_rule: `cross_camera`: gallery images of the probe's own identity and
        camera are passed over (the Market-1501 rule); or `none`.
    """

    name: str
    probes: tuple[str, ...]
    gallery: tuple[str, ...]
    paired: bool = False
    camera_rule: str = NO_RULE

    def __post_init__(self):
        if self.camera_rule not in CAMERA_RULES:
            raise ValueError(
                f"trial {self.name}: camera_rule={self.camera_rule!r}, expected one of "
                f"{', '.join(CAMERA_RULES)}"
            )
        if self.paired and len(self.gallery) < len(self.probes):
            raise ValueError(
                f"trial {self.name}: {len(self.probes)} probes are paired with "
                f"{len(self.gallery)} gallery images"
            )

    @classmethod
    def of_pairs(
        cls,
        name: str,
        pairs: Iterable[tuple[str, str]],
        distractors: Iterable[str] = (),
    ) -> Trial:
        """A paired trial from (probe, its true match) and further gallery images."""
        pairs = tuple(pairs)
        gallery = (*(match for _, match in pairs), *distractors)
        return cls(name, tuple(probe for probe, _ in pairs), gallery, paired=True)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(probe, its true match) of a paired trial."""
        return tuple(zip(self.probes, self.gallery, strict=False))

    @property
    def distractors(self) -> tuple[str, ...]:
        """Gallery images of a paired trial that no probe matches."""
        return self.gallery[len(self.probes) :]

    def swapped(self) -> Trial:
        """The same pairs with probe and gallery images exchanged."""
        if not self.paired or self.distractors:
            raise errors.UserError(
                f"trial {self.name} cannot be swapped: "
                + (
                    f"its {len(self.distractors)} distractors are no probes"
                    if self.paired
                    else "its probes and gallery images are no pairs"
                )
            )
        return dataclasses.replace(
            self,
            name=f"{self.name}_swapped",
            probes=self.gallery,
            gallery=self.probes,
        )
