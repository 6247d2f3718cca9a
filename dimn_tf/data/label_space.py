"""One label space over the chosen source data sets."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dimn_tf import errors
from dimn_tf.data import domain as domains_module
from dimn_tf.data import label_specification, own_images
from dimn_tf.data import records as records_module

# Table 1 of the paper: identities and images of all sources, and (derived) without
# the withdrawn DukeMTMC-reID.
_TABLE_1_SUMS = {
    frozenset(("cuhk02", "cuhk03", "dukemtmc_reid", "market1501", "cuhk_sysu")): (
        18_530,
        121_765,
    ),
    frozenset(("cuhk02", "cuhk03", "market1501", "cuhk_sysu")): (16_718, 85_354),
}


@dataclasses.dataclass(frozen=True, eq=False)
class LabelSpace:
    """Labels 0..C-1 over the identities of all sources, and numbers of their cameras.

    The same sources give the same labels: data sets in the order given, raw person
    ids in ascending order within each. Persons and cameras are
    never joined across data sets.

    Attributes:
        domains: one per source, in the order given.
    """

    domains: tuple[domains_module.Domain, ...]

    @classmethod
    def build(
        cls,
        records: Sequence[records_module.ReidRecords],
        holdout_identities: int = 0,
        seed: int = 0,
        holdout: Mapping[str, Sequence[int]] | None = None,
    ) -> "LabelSpace":
        """Lays the label space over the given data sets, all splits together.

        Args:
            records: the sources.
            holdout_identities: identities of each source to set aside.
            seed: draws the identities set aside; another source beside it does not
                change a source's draw.
            holdout: raw person ids to set aside by reference, in place of a draw
                (a recorded set; see `holdout.load`).

        Raises:
            errors.UserError: no source, a source twice (`cuhk02` and
                `cuhk02/complete` are one), own images in two of them, or too few
                identities.
        """
        _refuse_repeats([source.reference for source in records])
        domains, first_label, first_camera = [], 0, 0
        for source in records:
            domain = domains_module.build_domain(
                source,
                first_label,
                holdout_identities,
                seed,
                None if holdout is None else holdout.get(source.reference, ()),
                first_camera,
            )
            domains.append(domain)
            first_label += domain.num_identities
            first_camera += len(domain.camera_ids)
        own_images.refuse_shared(domains)
        return cls(tuple(domains))

    @property
    def num_identities(self) -> int:
        """C, identities to train on."""
        return sum(domain.num_identities for domain in self.domains)

    @property
    def num_images(self) -> int:
        """Images to train on."""
        return sum(domain.num_images for domain in self.domains)

    @property
    def num_cameras(self) -> int:
        """Cameras of the images to train on; one source's are never another's."""
        return sum(len(domain.camera_ids) for domain in self.domains)

    @property
    def specification(self) -> label_specification.LabelSpecification:
        """What a method may know of it."""
        sizes = [domain.num_identities for domain in self.domains]
        return label_specification.LabelSpecification(
            num_identities=self.num_identities,
            num_domains=len(self.domains),
            num_cameras=self.num_cameras,
            domain_of_label=np.repeat(np.arange(len(sizes)), sizes),
        )

    @property
    def holdout(self) -> dict[str, list[int]]:
        """Raw person ids set aside, by reference; never in the label space."""
        return {domain.reference: list(domain.holdout) for domain in self.domains}

    def table(self) -> str:
        """Identities and images by source and in all, like the paper's Table 1."""
        rows = [("source", "identities", "images", "single-image", "held out")]
        singles = 0
        for domain in self.domains:
            single = int(np.sum(np.diff(domain.offsets) == 1))
            singles += single
            counts = (
                domain.num_identities,
                domain.num_images,
                single,
                len(domain.holdout),
            )
            rows.append((domain.reference, *(f"{count:,}" for count in counts)))
        held_out = sum(len(domain.holdout) for domain in self.domains)
        total = (self.num_identities, self.num_images, singles, held_out)
        rows.append(("sum", *(f"{count:,}" for count in total)))
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        lines = [
            row[0].ljust(widths[0])
            + "".join(
                "  " + cell.rjust(width)
                for cell, width in zip(row[1:], widths[1:], strict=True)
            )
            for row in rows
        ]
        lines.append(f"C = {self.num_identities:,} identities in one label space.")
        if singles:
            lines.append(
                f"{singles:,} identities have a single image: it is every image that a "
                "batch takes of them, with an augmentation of its own each time."
            )
        return "\n".join(lines)

    def check_complete(self, facts_of: Callable | None = None) -> str:
        """Compares the counts with the paper's Table 1.

        A source counts with its identities set aside; one that is built from an
        incomplete archive (`cuhk02/partial`) or whose counts are not known is passed
        over. Of own data nothing is published: its place is not looked at.

        Args:
            facts_of: reference -> facts with `identities` and `images`; by default
                those of `data_builders.registry`.

        Returns:
            One line that says what was compared.

        Raises:
            errors.UserError: a count differs.
        """
        facts_of = facts_of or _published
        compared, passed_over = [], []
        for domain in self.domains:
            facts = facts_of(domain.reference)
            if domain.reference.endswith("/partial") or facts.identities is None:
                passed_over.append(domain.reference)
                continue
            _compare(
                domain.reference,
                (
                    domain.num_identities + len(domain.holdout),
                    domain.num_images + domain.holdout_images,
                ),
                (facts.identities, facts.images),
            )
            compared.append(domain.reference)
        sums = _TABLE_1_SUMS.get(frozenset(d.reference for d in self.domains))
        if sums:
            identities = self.num_identities + sum(len(d.holdout) for d in self.domains)
            images = self.num_images + sum(d.holdout_images for d in self.domains)
            _compare("all sources", (identities, images), sums)
            compared.append(f"sum of {sums[0]:,} identities, {sums[1]:,} images")
        text = f"Counts as published: {', '.join(compared) or 'nothing compared'}."
        if passed_over:
            names = ", ".join(passed_over)
            text += f" Not compared (incomplete, or nothing published): {names}."
        return text


def _refuse_repeats(references: Sequence[str]) -> None:
    """Refuses no source at all, and one that is there twice, in whatever form."""
    given: dict[str, list[str]] = {}
    for reference in references:
        given.setdefault(_images_of(reference), []).append(reference)
    repeated = [" and ".join(names) for names in given.values() if len(names) > 1]
    if repeated or not given:
        found = ", ".join(f"one data set as {names}" for names in repeated) or "none"
        raise errors.UserError(
            f"--sources={','.join(references)}: found {found}; expected at least one "
            "data set, and each but once. Name those to train on, each by one name."
        )


def _images_of(reference: str) -> str:
    """See `registry.images_of`; records in memory may have any name."""
    from data_builders import registry

    try:
        return registry.images_of(reference)
    except errors.DataError:
        return reference


def _published(reference: str):
    """The facts of a data set; of own data as such, which may be gone by now."""
    from data_builders import registry

    own = own_images.are_own(reference)
    return registry.facts(registry.OWN_DATA if own else reference)


def _compare(name: str, found: tuple[int, int], expected: tuple[int, int]):
    if found != expected:
        raise errors.UserError(
            f"{name}: found {found[0]:,} identities and {found[1]:,} images, expected "
            f"{expected[0]:,} and {expected[1]:,} as published. Build the "
            "data set again from its complete archive, or name its `/partial` "
            "configuration in --sources."
        )
