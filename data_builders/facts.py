"""What is known about a data set before its archive is opened."""

import dataclasses
from collections.abc import Mapping

COMPLETE = "complete"  # builder config that checks the known statistics
PARTIAL = "partial"  # builder config that accepts an incomplete archive
FEW_SHOT = "few_shot"  # role of data sets of classes, not of persons


@dataclasses.dataclass(frozen=True)
class TargetRow:
    """A target's row of the paper's Table 1 (one trial)."""

    probe_identities: int
    gallery_identities: int
    probe_images: int
    gallery_images: int


@dataclasses.dataclass(frozen=True)
class DatasetFacts:
    """Known statistics and whereabouts of one data set.

    Attributes:
        name: TFDS name, which is also the folder in `data_builders/`.
        title: name as the paper prints it.
        role: "source" (trained on), "target" (tested on), "synthetic", "own" (a
            user's) or `FEW_SHOT` (of classes, no person is in question).
        archives: accepted names in the manual directory: archive files and the
            folders that extracting them leaves.
        archive_pattern: further accepted names, as a pattern of the whole name in
            whatever case; for data sets that everyone packs and names anew.
        subset_archives: those of `archives` that hold a subset; they are taken where
            the whole is not there, or is not asked for.
        top_folders: folders of the data set; where the manual directory itself holds
            one, and no archive, it is taken for the extracted archive.
        homepage: where the data set is published.
        identities: identities of the whole set that are trained on or ranked;
            for sources Table 1's figure.
        images: images of those identities; for sources Table 1's figure.
        split_images: images of each split of the complete archive.
        split_identities: identities of each split, `non_identities` left out.
        images_per_identity: images of each identity, where all have as many.
        counted: what identities are called in messages.
        non_identities: raw person ids that stand for no identity.
        strangers: those of them that a gallery holds, as people whom no probe shows.
        training_splits: the splits that `identities` and `images` count; empty
            means all of them.
        optional_splits: splits that one official form of the archive lacks.
        by_files: names in image folders that are passed over, beside those that
            operating systems leave (`folders.SYSTEM_FILES`).
        table_row: the target's row of Table 1; None for sources.
        required: whether the full benchmark cannot do without it.
        remark: one sentence for messages about a missing archive.
        version: TFDS version; raise it when records would come out otherwise.
        default_config: builder config meant by the bare name; empty for none.
    """

    name: str
    title: str
    role: str
    archives: tuple[str, ...]
    homepage: str
    identities: int | None
    images: int | None
    split_images: Mapping[str, int]
    split_identities: Mapping[str, int] = dataclasses.field(default_factory=dict)
    images_per_identity: int | None = None
    counted: str = "identities"
    archive_pattern: str = ""
    subset_archives: tuple[str, ...] = ()
    top_folders: tuple[str, ...] = ()
    non_identities: tuple[int, ...] = ()
    strangers: tuple[int, ...] = ()
    training_splits: tuple[str, ...] = ()
    optional_splits: tuple[str, ...] = ()
    by_files: tuple[str, ...] = ()
    table_row: TargetRow | None = None
    required: bool = True
    remark: str = ""
    version: str = "1.0.0"
    default_config: str = COMPLETE

    def counts_split(self, split: str) -> bool:
        """Whether `identities` and `images` count this split."""
        return not self.training_splits or split in self.training_splits
