"""Tests of the synthetic_reid builder."""

import dataclasses
import pathlib
import tempfile
from unittest import mock

import tensorflow_datasets as tfds

from data_builders import registry
from data_builders.synthetic_reid import domains, facts, synthetic_reid_dataset_builder
from dimn_tf import errors, progress

_SMALL = dataclasses.replace(
    domains.DOMAINS["station"], identities=3, shots=2, name="small"
)
_CONFIG = synthetic_reid_dataset_builder.SyntheticConfig(name="small", domain=_SMALL)


class SyntheticReidTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = synthetic_reid_dataset_builder.Builder
    SPLITS = {"cam_1": 6, "cam_2": 6}
    SKIP_CHECKSUMS = True
    EXAMPLE_DIR = tempfile.gettempdir()  # TFDS wants one; nothing is read from it.
    test_session = None  # TensorFlow's helper of that name is no test.

    def setUp(self):
        super().setUp()
        self.data_dir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def build(self, config=_CONFIG, log=lambda line: None):
        builder = self.dataset_class(data_dir=self.data_dir, config=config)
        builder.log = log
        builder.download_and_prepare()
        return builder

    def test_download_and_prepare_as_dataset(self):
        """TFDS' check of counts, shapes, overlaps and reloading."""
        # It reads by tf.data, which cannot read array_record.
        builder = self.dataset_class(
            data_dir=self.tmp_dir, config=_CONFIG, file_format="tfrecord"
        )
        self._download_and_prepare_as_dataset(builder)

    def test_registered(self):
        """Replaces TFDS' check, which looks among its own data sets."""
        self.assertIs(registry.builder_class("synthetic_reid"), self.dataset_class)
        for name, domain in domains.DOMAINS.items():
            known = registry.facts(f"synthetic_reid/{name}")
            self.assertEqual(known.name, "synthetic_reid")
            self.assertEqual(known.identities, domain.identities)
            self.assertEqual(known.images, sum(known.split_images.values()))
        with self.assertRaisesRegex(errors.DataError, "night_market"):
            registry.facts("synthetic_reid/moon")
        with self.assertRaisesRegex(errors.DataError, "night_market"):
            registry.make_builder("synthetic_reid/moon", self.data_dir)

    def test_facts_place_what_was_built_where_it_is(self):
        builder = registry.make_builder("synthetic_reid", self.data_dir)
        known = facts.facts_of(None)
        place = self.data_dir / "synthetic_reid" / known.default_config / known.version
        self.assertEqual(pathlib.Path(builder.data_dir), place)

    def test_records(self):
        lines = []
        with mock.patch.object(progress, "_SHORT_SECONDS", 0.0):
            sources = self.build(log=lines.append).as_data_source()
        self.assertLen(sources, 2)
        for camera, (split, source) in enumerate(sorted(sources.items()), start=1):
            self.assertEqual(split, f"cam_{camera}")
            records = list(source)
            people = sorted(int(r["person_id"]) for r in records)
            self.assertEqual(people, [2001, 2001, 2002, 2002, 2003, 2003])
            self.assertEqual({int(r["camera_id"]) for r in records}, {camera})
            self.assertLen({r["file_name"] for r in records}, 6)
            for record in records:
                self.assertEqual(record["image"].shape, (112, 50, 3))
                self.assertStartsWith(record["file_name"].decode(), f"cam_{camera}/")
        self.assertIn("cam_1: 6/6 images", "\n".join(lines))

    def test_two_builds_are_alike_byte_by_byte(self):
        def files():
            self.data_dir = pathlib.Path(
                self.enterContext(tempfile.TemporaryDirectory())
            )
            folder = pathlib.Path(self.build().data_dir)
            return {p.name: p.read_bytes() for p in folder.glob("*.array_record*")}

        first = files()
        self.assertLen(first, 2)
        self.assertEqual(files(), first)

    def test_another_seed_builds_other_images(self):
        def images(config):
            decoders = {"image": tfds.decode.SkipDecoding()}
            source = self.build(config).as_data_source("cam_1", decoders=decoders)
            return {record["image"] for record in source}

        other = dataclasses.replace(_CONFIG, name="other", seed=1)
        self.assertEmpty(images(_CONFIG) & images(other))

    def test_wrong_counts_leave_nothing(self):
        render = synthetic_reid_dataset_builder.renderer.Renderer
        all_shots = render.shots

        def too_few(self, camera_id):
            return list(all_shots(self, camera_id))[:-1]

        with mock.patch.object(render, "shots", too_few):
            with self.assertRaisesRegex(errors.DataError, "rendered 5 images of 3"):
                self.build()
        self.assertEqual(list(self.data_dir.rglob("*")), [])
