"""QMUL GRID: 250 persons of an underground station, and 775 distractors."""

import re

import tensorflow_datasets as tfds

from data_builders.base_builder import ReidBuilder
from data_builders.facts import TargetRow
from data_builders.grid import folds
from data_builders.grid.facts import DISTRACTOR, FACTS, FOLD_PERSONS
from data_builders.readers import ImageFolder, MissingPart


def _identify(match: re.Match) -> tuple[int, int]:
    return int(match["person"]), int(match["camera"])


class Builder(ReidBuilder):
    """Builds GRID from names like `probe/0001_1_25004_107_32_106_221.jpeg`.

    person_id is the archive's: 1 to 250, and 0 for all 775 distractors of the gallery,
    who are different people; camera_id = 1 to 6. The ten official folds of
    `features_and_partitions.mat` are stored beside the records
    (`data_builders.grid.load_folds`).
    """

    FACTS = FACTS
    VERSION = tfds.core.Version(FACTS.version)
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    IMAGE_FOLDERS = tuple(
        ImageFolder(
            split=folder,
            folder=folder,
            pattern=r"(?P<person>\d{4})_(?P<camera>\d)(?:_\d+){5}",
            identify=_identify,
        )
        for folder in ("probe", "gallery")
    )

    @classmethod
    def open_reader(cls, archive, resources):
        """See base class; reads the folds too."""
        reader = super().open_reader(archive, resources)
        persons = folds.read_folds(archive, reader.root)
        if persons is None:
            reader.missing.append(MissingPart(folds.FILE_NAME))
        else:
            reader.metadata[folds.METADATA_KEY] = persons
        return reader

    @classmethod
    def trial_row(cls, reader):
        """One fold; as in the paper, images of the gallery are the whole folder's."""
        probes = len(reader.metadata.get(folds.METADATA_KEY, [()])[0])
        gallery = reader.entries.get("gallery", ())
        distractors = sum(entry.person_id == DISTRACTOR for entry in gallery)
        return TargetRow(probes, probes + distractors, probes, len(gallery))

    def _check(self, reader, archive):
        super()._check(reader, archive)
        config = self.builder_config
        if folds.METADATA_KEY not in reader.metadata:
            return  # An incomplete archive may lack them.
        persons = {entry.person_id for entry in reader.entries.get("probe", ())}
        is_whole = not config.allow_incomplete
        folds.check_folds(
            reader.metadata[folds.METADATA_KEY],
            persons if is_whole else None,
            archive.path,
            fold_persons=FOLD_PERSONS
            if is_whole and config.split_images is None
            else None,
        )
