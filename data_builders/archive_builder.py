"""What the builders of all data sets in archives share."""

import abc
import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NoReturn

import tensorflow_datasets as tfds

from data_builders import comparison, contents
from data_builders.archives import Archive, open_archive
from data_builders.clean_build import clean_build
from data_builders.facts import COMPLETE, PARTIAL, DatasetFacts
from data_builders.manual_dir import build_command, candidates, find_archive
from data_builders.readers import Entry, Reader
from dimn_tf import progress
from dimn_tf.errors import DataError


@dataclasses.dataclass(eq=False, kw_only=True)
class ArchiveConfig(tfds.core.BuilderConfig):
    """How strictly an archive is compared with the known statistics.

    Attributes:
        allow_incomplete: whether parts may be missing.
        split_images: for made-up data: images of each split in place of the known
            ones; identities are then checked only where `split_identities` is given.
        split_identities: for made-up data: identities of each split.
    """

    allow_incomplete: bool = False
    split_images: Mapping[str, int] | None = None
    split_identities: Mapping[str, int] | None = None

    def expected(self, facts: DatasetFacts) -> DatasetFacts:
        """The facts that the archive is compared with."""
        if self.split_images is None:
            return facts
        return dataclasses.replace(
            facts,
            split_images=self.split_images,
            split_identities=self.split_identities or {},
            identities=None,
            images=None,
            images_per_identity=None,
        )


class ArchiveBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """The images of an archive as records, its counts compared with the known ones.

    A kind of data set says in a class of its own what its records hold (`_info`,
    `record`) and what reads an archive (`open_reader`); a data set's `Builder` names
    its `FACTS`.
    """

    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Put the archive file, or the folder that extracting it leaves, into the "
        "manual directory. The data set's README names both and where to get them."
    )
    # `tfds build` without --config builds what is listed here: the complete set.
    BUILDER_CONFIGS = [
        ArchiveConfig(
            name=COMPLETE, description="The complete archive, counts checked."
        )
    ]
    _PARTIAL_CONFIG = ArchiveConfig(
        name=PARTIAL,
        description="Accepts an incomplete archive and says what is missing.",
        allow_incomplete=True,
    )

    FACTS: DatasetFacts

    # Beside the records of an incomplete archive: what it held.
    _CONTENTS = "contents"

    # Takes lines about progress and about what is missing; None: they are printed, and
    # a terminal shows progress as a bar.
    log: Callable[[str], None] | None = None

    def __init__(self, *, file_format=None, **kwargs):
        """As in TFDS, but records are random access by default.

        Args:
            file_format: format of the record files; "array_record" unless given.
            **kwargs: see `tfds.core.GeneratorBasedBuilder`.
        """
        super().__init__(file_format=file_format, **kwargs)
        if file_format is None and not self.data_path.exists():
            self.info.set_file_format("array_record", override=True)

    @tfds.core.utils.classproperty
    @classmethod
    def builder_configs(cls) -> dict[str, ArchiveConfig]:
        """Configs that can be asked for by name.

        `partial` is here and not in `BUILDER_CONFIGS`, because the plain command
        line builds all of those and would store a complete archive twice.
        """
        return {c.name: c for c in [*cls.BUILDER_CONFIGS, cls._PARTIAL_CONFIG]}

    @classmethod
    @abc.abstractmethod
    def open_reader(cls, archive: Archive, resources: contextlib.ExitStack) -> Reader:
        """Lists what the archive holds, without decoding an image.

        Args:
            archive: the opened archive.
            resources: closes what the reader keeps open.
        """

    @abc.abstractmethod
    def record(self, entry: Entry, encoded: bytes) -> dict[str, object]:
        """The record of an image.

        Args:
            entry: what is known of it.
            encoded: the image file.
        """

    def download_and_prepare(
        self, *, download_dir=None, download_config=None, **kwargs
    ) -> None:
        """Builds the data set, or leaves nothing behind.

        Raises:
            DataError: the archive is missing, damaged or not the data set's.
        """
        config = download_config or tfds.download.DownloadConfig()
        # These data sets are in no bucket: asking the network only takes time.
        config = dataclasses.replace(config, try_download_gcs=False)
        default_dir = os.path.join(download_dir or self.data_dir_root, "downloads")
        self._manual_dir = config.manual_dir or os.path.join(default_dir, "manual")
        if self.data_path.exists():
            self.tell_reuse(self._manual_dir)
        with clean_build(self.data_dir_root, self.name, self.say):
            with contextlib.ExitStack() as self._resources:
                super().download_and_prepare(
                    download_dir=download_dir, download_config=config, **kwargs
                )

    def tell_reuse(self, manual_dir: str | os.PathLike | None) -> None:
        """Says so where the archive has changed since its records were built.

        A complete one is known by its counts; of records that older versions built
        nothing is noted.

        Args:
            manual_dir: where archives lie, if anywhere.
        """
        noted = (self.info.metadata or {}).get(self._CONTENTS)
        if manual_dir is None or noted is None:
            return
        found = candidates(self.FACTS, manual_dir, PARTIAL)
        if len(found) == 1 and contents.has_changed(found[0], noted):
            self.say(
                f"{self.name}/{self.builder_config.name}: built before from other "
                f"contents than {os.path.abspath(found[0])} holds now; these records "
                f"are used as they are. To build it anew, remove {self.data_path}"
            )

    def say(self, line: str) -> None:
        """Tells the user something."""
        (self.log or progress.print_at_once)(line)

    def _log_download_bytes(self) -> None:
        """Takes the place of TFDS' note on a download, since there is none."""
        self.say(f"{self.info.full_name}: building in {self.data_dir_root}")

    def _log_download_done(self) -> None:
        """Takes the place of TFDS' note that a download is done."""
        self.say(f"{self.info.full_name}: built")

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        try:
            manual_dir = dl_manager.manual_dir
        except AssertionError:  # TFDS: absent or empty; `find_archive` says it in full
            manual_dir = self._manual_dir
        config = PARTIAL if self.builder_config.allow_incomplete else COMPLETE
        path = find_archive(self.FACTS, manual_dir, config)
        archive = self._resources.enter_context(open_archive(path))
        reader = self.open_reader(archive, self._resources)
        self._check(reader, archive)
        self.info.metadata.update(reader.metadata)
        # The manual directory itself holds other archives, which come and go.
        is_own = path != pathlib.Path(manual_dir)
        if self.builder_config.allow_incomplete and is_own:
            self.info.metadata[self._CONTENTS] = contents.digest(path)
        return {
            split: self._generate_examples(reader, split)
            for split, entries in reader.entries.items()
            if entries
        }

    def _check(self, reader: Reader, archive: Archive) -> None:
        """Compares the archive with the known statistics.

        Raises:
            DataError: it holds something else, or less without being allowed to.
        """
        config = self.builder_config
        faults = comparison.compare(reader, config.expected(self.FACTS))
        if config.allow_incomplete:
            self._report_missing([fault for fault in faults if fault.is_missing])
            faults = [fault for fault in faults if not fault.is_missing]
        if faults:
            self._refuse(faults, archive)
        if not any(reader.entries.values()):
            raise DataError(
                f"{self.name}: {archive.path.name} holds no image",
                path=archive.path,
                found=f"{len(archive.names):,} files, none of them an image of it",
                expected=f"images of {', '.join(self.FACTS.split_images)}",
                action="put the original archive there",
            )

    def _refuse(
        self, faults: Sequence[comparison.Difference], archive: Archive
    ) -> NoReturn:
        """Raises the error about differences that cannot be accepted."""
        if all(fault.is_missing for fault in faults):
            action = (
                "put the complete archive there, or accept this one: "
                f"{self.name}/{PARTIAL} in place of {self.name}, or "
                f"{build_command(self.FACTS, self._manual_dir, PARTIAL)}"
            )
        else:
            action = (
                "put the original archive there; this one is another version or holds "
                "files that are not the data set's"
            )
        raise DataError(
            f"{self.name}: {archive.path.name} is not the complete data set",
            path=archive.path,
            found="; ".join(fault.found_text for fault in faults),
            expected="; ".join(fault.expected_text for fault in faults),
            action=action,
        )

    def _report_missing(self, missing: Sequence[comparison.Difference]) -> None:
        """Says what an incomplete archive lacks, here and beside the records."""
        lines = [str(difference) for difference in missing] or ["nothing is missing"]
        for line in lines:
            self.say(f"{self.name}/{self.builder_config.name}: {line}")
        self.info.metadata["missing"] = lines if missing else []

    def _generate_examples(self, reader: Reader, split: str) -> Iterator:
        entries = reader.entries[split]
        read = progress.bar(
            reader.images(split),
            label=f"{self.name} {split}",
            total=len(entries),
            log=self.log,
        )
        for entry, encoded in read:
            yield entry.file_name, self.record(entry, encoded)
