"""One label space over the chosen source data sets."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import zlib

import numpy as np

from dimn_tf import errors
from dimn_tf.data import records as records_module

# Sources whose splits show the same persons' boxes twice: the paper's Table 1 counts
# CUHK03's detected boxes, not the hand-drawn ones.
TRAINING_SPLITS = {"cuhk03": ("detected",)}

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
class Domain:
    """The training images of one source, sorted by label.

    Attributes:
        records: where the pixels are.
        first_label: label of the domain's first identity; the others follow on.
        person_ids: int64 [C_m], raw person id of each identity.
        offsets: int64 [C_m + 1]; identity i has the images offsets[i] to
            offsets[i + 1] - 1 of the arrays below.
        image_indices: int64 [n], positions in `records`.
        cameras: int64 [n], raw camera ids.
        holdout: raw person ids set aside, sorted.
        holdout_images: how many images those have.
    """

    records: records_module.ReidRecords
    first_label: int
    person_ids: np.ndarray
    offsets: np.ndarray
    image_indices: np.ndarray
    cameras: np.ndarray
    holdout: tuple[int, ...] = ()
    holdout_images: int = 0

    @property
    def reference(self) -> str:
        """TFDS name of the data set."""
        return self.records.reference

    @property
    def num_identities(self) -> int:
        """C_m, identities to train on."""
        return len(self.person_ids)

    @property
    def num_images(self) -> int:
        """Images to train on."""
        return len(self.image_indices)

    @property
    def labels(self) -> np.ndarray:
        """int32 [n], label of each image."""
        identities = np.arange(self.num_identities, dtype=np.int32)
        return self.first_label + np.repeat(identities, np.diff(self.offsets))


@dataclasses.dataclass(frozen=True, eq=False)
class LabelSpace:
    """Labels 0..C-1 over the identities of all sources.

    The same sources give the same labels: data sets in the order given, raw person
    ids in ascending order within each. Persons are never joined across data sets.

    Attributes:
        domains: one per source, in the order given.
    """

    domains: tuple[Domain, ...]

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
            errors.UserError: no source, a source twice, or too few identities.
        """
        references = [source.reference for source in records]
        if not references or len(set(references)) < len(references):
            raise errors.UserError(
                f"--sources={','.join(references)}: expected at least one data set, "
                "and each but once."
            )
        domains, first_label = [], 0
        for source in records:
            domain = _build_domain(
                source,
                first_label,
                holdout_identities,
                seed,
                None if holdout is None else holdout.get(source.reference, ()),
            )
            domains.append(domain)
            first_label += domain.num_identities
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
                f"{singles:,} identities have a single image: it is drawn as gallery "
                "and as probe, with an augmentation of its own each time."
            )
        return "\n".join(lines)

    def check_complete(self, facts_of: Callable | None = None) -> str:
        """Compares the counts with the paper's Table 1.

        A source counts with its identities set aside; one that is built from an
        incomplete archive (a configuration in its name, `cuhk02/partial`) or that
        Table 1 does not list is passed over.

        Args:
            facts_of: reference -> facts with `identities` and `images`; by default
                those of `data_builders.registry`.

        Returns:
            One line that says what was compared.

        Raises:
            errors.UserError: a count differs.
        """
        if facts_of is None:
            from data_builders import registry

            facts_of = registry.facts
        compared, passed_over = [], []
        for domain in self.domains:
            facts = facts_of(domain.reference)
            if "/" in domain.reference or facts.identities is None:
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
        text = f"As in the paper's Table 1: {', '.join(compared) or 'nothing'}."
        if passed_over:
            text += (
                f" Not compared (incomplete or not in it): {', '.join(passed_over)}."
            )
        return text


def _compare(name: str, found: tuple[int, int], expected: tuple[int, int]):
    if found != expected:
        raise errors.UserError(
            f"{name}: found {found[0]:,} identities and {found[1]:,} images, expected "
            f"{expected[0]:,} and {expected[1]:,} (Table 1 of the paper). Build the "
            "data set again from its complete archive, or name its `/partial` "
            "configuration in --sources."
        )


def _build_domain(
    source: records_module.ReidRecords,
    first_label: int,
    holdout_identities: int,
    seed: int,
    holdout: Sequence[int] | None,
) -> Domain:
    """Sorts a source's images by identity and sets the held-out ones aside."""
    keep = ~np.isin(source.person_ids, np.array(source.non_identities, np.int64))
    splits = TRAINING_SPLITS.get(source.reference.split("/")[0])
    if splits is not None:
        keep &= np.isin(source.splits, splits)
    indices = np.flatnonzero(keep)
    if holdout is None:
        holdout = _draw_holdout(source, indices, holdout_identities, seed)
    absent = np.setdiff1d(holdout, source.person_ids[indices])
    if len(absent):
        raise errors.UserError(
            f"{source.reference}: the person ids {absent[:5].tolist()} are to be set "
            "aside but are none of its identities: was the record of held-out "
            "identities written for another build of it?"
        )
    held_out = np.isin(source.person_ids[indices], np.array(holdout, np.int64))
    kept = indices[~held_out]
    if not len(kept):
        raise errors.UserError(
            f"{source.reference}: found no identity to train on beside the "
            f"{len(holdout)} of --holdout_identities; lower that flag."
        )
    kept = kept[np.argsort(source.person_ids[kept], kind="stable")]
    person_ids, counts = np.unique(source.person_ids[kept], return_counts=True)
    return Domain(
        records=source,
        first_label=first_label,
        person_ids=person_ids,
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        image_indices=kept,
        cameras=source.camera_ids[kept],
        holdout=tuple(sorted(int(person) for person in holdout)),
        holdout_images=int(held_out.sum()),
    )


def _draw_holdout(
    source: records_module.ReidRecords, indices: np.ndarray, count: int, seed: int
) -> list[int]:
    """Draws identities that can be ranked: two images, of two cameras if possible.

    Identities seen by two cameras or more come first; where a source has fewer of
    those than asked for (or knows no cameras), those with two images fill up.
    """
    if count < 0:
        raise errors.UserError(f"--holdout_identities={count}: expected 0 or more.")
    if count == 0:
        return []
    persons, images = np.unique(source.person_ids[indices], return_counts=True)
    views = np.stack([source.person_ids[indices], source.camera_ids[indices]])
    seen, cameras = np.unique(np.unique(views, axis=1)[0], return_counts=True)
    assert np.array_equal(seen, persons)
    able = persons[images >= 2]
    if len(able) < count or len(persons) <= count:
        raise errors.UserError(
            f"{source.reference}: --holdout_identities={count} leaves nothing to "
            f"train on or to rank: found {len(persons)} identities, {len(able)} of "
            "them with two images or more. Lower that flag."
        )
    # The name's checksum makes a source's draw its own, whatever stands beside it.
    rng = np.random.default_rng([seed, zlib.crc32(source.reference.encode())])
    order = rng.permutation(len(persons))
    rank = np.where(cameras >= 2, 0, np.where(images >= 2, 1, 2))[order]
    chosen = order[np.argsort(rank, kind="stable")[:count]]
    return sorted(persons[chosen].tolist())
