"""CUHK-SYSU Person Search: persons in street views and film frames."""

import tensorflow_datasets as tfds

from data_builders.base_builder import ReidBuilder
from data_builders.cuhk_sysu.facts import FACTS
from data_builders.cuhk_sysu.frame_reader import FrameReader


class Builder(ReidBuilder):
    """Builds CUHK-SYSU from `annotation/Person.mat` and the frames `Image/SSM/s*.jpg`.

    person_id is the archive's, 12 for `p12`; camera_id is 0 throughout, since the
    archive names no cameras. Boxes are clamped to the frame; one that lies outside
    it yields no record.
    """

    FACTS = FACTS
    VERSION = tfds.core.Version(FACTS.version)
    RELEASE_NOTES = {"1.0.0": "Initial release."}

    @classmethod
    def open_reader(cls, archive, resources):
        """See base class."""
        del resources  # the frames are read through `archive`
        return FrameReader(archive)
