"""A user's own ReID data: a folder a person, or a CSV."""

import dataclasses
from collections.abc import Iterator

import tensorflow_datasets as tfds

from data_builders.base_builder import ReidBuilder, ReidConfig
from data_builders.progress import Progress
from data_builders.readers import ImageEntry
from data_builders.reid_folder import facts as facts_lib
from data_builders.reid_folder import listing, reference
from dimn_tf.errors import DataError


@dataclasses.dataclass(eq=False, kw_only=True)
class FolderConfig(ReidConfig):
    """One data set of a user.

    Attributes:
        named: where it lies; None in the config that only stands for the builder.
    """

    named: reference.FolderReference | None = None


class Builder(ReidBuilder):
    """Builds what `reid_folder:PATH` names; see README.md beside this file.

    person_id and camera_id are the user's numbers, or count the user's names in
    sorted order (the records' metadata say which name has which number); camera_id
    is 0 throughout where no cameras are told.
    """

    FACTS = facts_lib.FACTS
    VERSION = tfds.core.Version(facts_lib.VERSION)
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [
        FolderConfig(
            name=facts_lib.FACTS.default_config, description="Stands for no data set."
        )
    ]

    @classmethod
    def config_of(cls, text: str | None) -> FolderConfig:
        """The builder config of what follows `reid_folder:`.

        Raises:
            DataError: see `reference.parse` and `listing.read`.
        """
        named = reference.parse(text or "")
        return FolderConfig(
            name=facts_lib.config_name(named, listing.read(named)),
            description=f"Own data in {named.path}.",
            named=named,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        del dl_manager  # nothing is in the manual directory
        named = self.builder_config.named
        if named is None:
            raise DataError(
                f"{self.name}: builds what a reference names, not by `tfds build`\n"
                "  to do:    python -m experiments.build_datasets "
                f"--datasets={self.name}:FOLDER (or {self.name}:FILE.csv)"
            )
        listed = listing.read(named)
        self._refuse_unreadable(listed)
        persons = facts_lib.numbers_of([image.person for image in listed.images])
        cameras = facts_lib.numbers_of([image.camera for image in listed.images])
        if listing.NO_CAMERA in cameras:
            cameras = {listing.NO_CAMERA: 0}
        self.info.metadata.update(persons=persons, cameras=cameras)
        splits: dict[str, list[ImageEntry]] = {}
        for image in listed.images:
            entry = ImageEntry(
                image.file_name, persons[image.person], cameras[image.camera]
            )
            splits.setdefault(image.split, []).append(entry)
        return {
            split: self._generate(listed, split, entries)
            for split, entries in splits.items()
        }

    def _refuse_unreadable(self, listed: listing.Listing) -> None:
        """Decodes every image once, so that one error names all that cannot be."""
        progress = Progress(f"{self.name} checking", len(listed.images), self.log)
        faults = listing.unreadable(
            listed.path, listed.root, listed.images, progress.step
        )
        lines = [": ".join(fault) for fault in faults]
        listing.refuse(listed.path, lines, len(listed.images))

    def _generate(self, listed, split, entries) -> Iterator:
        progress = Progress(f"{self.name} {split}", len(entries), self.log)
        for entry in entries:
            record = {
                "image": listing.decoded_bytes(
                    listed.path, listed.root, entry.file_name
                ),
                "person_id": entry.person_id,
                "camera_id": entry.camera_id,
                "file_name": entry.file_name,
            }
            yield entry.file_name, record
            progress.step()
