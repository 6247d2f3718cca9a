"""A user's own ReID data: a folder a person, or a CSV."""

import dataclasses
import os
from collections.abc import Iterator, Sequence

import tensorflow_datasets as tfds

from data_builders.archive_builder import ArchiveConfig
from data_builders.base_builder import ReidBuilder
from data_builders.reid_folder import facts as facts_lib
from data_builders.reid_folder import listing, remembered
from data_builders.reid_folder.listed_image import NO_CAMERA, Fault, ListedImage
from dimn_tf import images, progress
from dimn_tf.errors import DataError, UserError


@dataclasses.dataclass(eq=False, kw_only=True)
class FolderConfig(ArchiveConfig):
    """One data set of a user.

    Attributes:
        known: what the reference stands for; None in the config that only stands for
            the builder.
    """

    known: facts_lib.Known | None = None


class Builder(ReidBuilder):
    """Builds what `reid_folder:PATH` names; see README.md beside this file.

    person_id and camera_id are the user's numbers, or count the user's names in
    order (the records' metadata say which name has which number); camera_id is 0
    throughout where no cameras are told.
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
    def config_of(
        cls, text: str | None, data_dir: str | os.PathLike | None = None
    ) -> FolderConfig:
        """The builder config of what follows `reid_folder:`.

        Raises:
            DataError: see `facts.known_of`.
        """
        known = facts_lib.known_of(text or "", data_dir)
        place = os.fspath(known.named.path).encode(errors="backslashreplace").decode()
        return FolderConfig(
            name=known.config, description=f"Own data in {place}.", known=known
        )

    def _create_builder_config(self, builder_config, version):
        """Takes own data's configs as they are: TFDS would warn that it knows none."""
        if isinstance(builder_config, FolderConfig) and builder_config.known:
            return builder_config
        return super()._create_builder_config(builder_config, version)

    def tell_reuse(self) -> None:
        """Says so where records stand for images that are gone."""
        known = self.builder_config.known
        if known is None:
            return
        if known.gone:
            self.say(
                f"{self.name}: {known.gone}: the records that were built from it are "
                f"used, {self.data_path}"
            )
        else:
            self._note_place()

    def download_and_prepare(self, **kwargs) -> None:
        """See base class."""
        super().download_and_prepare(**kwargs)
        self._note_place()

    def _note_place(self) -> None:
        """Notes what was built from this place, for when its images are gone."""
        known = self.builder_config.known
        build = remembered.Build(known.config, known.rows, known.training_splits)
        try:
            remembered.note(self.data_dir_root, known.named, build)
        except (OSError, UserError) as error:
            self.say(
                f"{self.name}: these records will not be found without the images, "
                f"since nothing can be noted in {self.data_dir_root} ({error})"
            )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        del dl_manager  # nothing is in the manual directory
        known = self.builder_config.known
        if known is None:
            raise DataError(
                f"{self.name}: builds what a reference names, not by `tfds build`\n"
                "  to do:    python -m experiments.build_datasets "
                f"--datasets={self.name}:FOLDER (or {self.name}:FILE.csv)"
            )
        listed = listing.read(known.named)
        for line in listed.summary():
            self.say(f"{self.name}: {line}")
        persons = facts_lib.numbers_of([image.person for image in listed.images])
        cameras = facts_lib.numbers_of([image.camera for image in listed.images])
        if NO_CAMERA in cameras:
            cameras = {NO_CAMERA: 0}
        self.info.metadata.update(
            persons=persons,
            cameras=cameras,
            training_splits=list(listed.training_splits),
            passed_over=list(listed.passed_over),
        )
        splits: dict[str, list[ListedImage]] = {}
        for image in listed.images:
            splits.setdefault(image.split, []).append(image)
        faults: list[Fault] = []
        waiting = dict(splits)
        return {
            split: self._generate(listed, split, chosen, waiting, faults)
            for split, chosen in splits.items()
        }

    def _generate(
        self,
        listed: listing.Listing,
        split: str,
        chosen: Sequence[ListedImage],
        waiting: dict[str, list[ListedImage]],
        faults: list[Fault],
    ) -> Iterator:
        """Records of a split; the last one refuses the unreadable images of all."""
        metadata = self.info.metadata
        del waiting[split]
        found = 0
        shown = progress.bar(chosen, label=f"{self.name} {split}", log=self.log)
        for image in shown:
            try:
                encoded = images.read_file(listed.root / image.file_name)
            except images.ImageFault as error:
                faults.append(listing.unreadable_fault(image, error))
                continue
            found += 1
            record = {
                "image": encoded,
                "person_id": metadata["persons"][image.person],
                "camera_id": metadata["cameras"][image.camera],
                "file_name": image.file_name,
            }
            yield image.file_name, record
        if faults and not found:  # TFDS would stop at an empty split: look at the rest.
            for rest in waiting.values():
                faults += listing.unreadable(listed.root, rest)
            waiting.clear()
        if not waiting:
            listing.refuse(listed.path, faults, len(listed.images))
