"""What every builder is tested for, on made-up data in its official layout."""

# ruff: noqa: D102 (the names of tests say what they test)

import collections
import pathlib
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow_datasets as tfds

from data_builders import registry
from data_builders.archive_builder import ArchiveConfig
from dimn_tf.errors import DataError


def zip_folder(folder: pathlib.Path, archive: pathlib.Path) -> None:
    """Packs a folder with its own name leading, as the original archives do."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, path.relative_to(folder.parent))


def _plain(value: bytes | np.integer) -> str | int:
    """What a record holds, as a builder was given it."""
    return value.decode() if isinstance(value, bytes) else int(value)


class ArchiveBuilderTestCase(tfds.testing.DatasetBuilderTestCase):
    """What depends on the data set: its facts, names and layout.

    Attributes:
        DATASET_CLASS: the builder.
        DUMMY: module whose `write(manual_dir)` makes the extracted archive and whose
            `SPLITS` counts its images.
        ARCHIVE: name of the archive file.
        FIELDS: names of the facts that a record holds of its image.
        EXPECTED: (split, file_name) -> those facts, for some records.
        IMAGE: an image file, from the extracted folder, that faults are put into.
        PART: a folder, from the extracted folder, without which the archive is
            incomplete.
    """

    DUMMY = None
    ARCHIVE = ""
    FIELDS: Sequence[str] = ("person_id", "camera_id")
    EXPECTED: Mapping[tuple[str, str], tuple[int | str, ...]] = {}
    IMAGE = ""
    PART = ""
    SKIP_CHECKSUMS = True
    test_session = None  # TensorFlow's helper of that name is no test
    # TFDS' check; `BuildChecks` runs it for one data set. What depends on the data
    # set in it is in `test_records_hold_the_raw_facts`.
    test_download_and_prepare_as_dataset = None

    @classmethod
    def setUpClass(cls):
        """Writes the made-up archive for TFDS' own checks."""
        cls._scratch = tempfile.TemporaryDirectory()
        cls.EXAMPLE_DIR = cls._scratch.name
        cls.DUMMY.write(pathlib.Path(cls._scratch.name))
        cls.SPLITS = cls.DUMMY.SPLITS
        cls.made_up = ArchiveConfig(name="made_up", split_images=cls.SPLITS)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        """Removes the made-up archive."""
        super().tearDownClass()
        cls._scratch.cleanup()

    def setUp(self):
        """Gives each test its own made-up archive."""
        super().setUp()
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.manual_dir = folder / "manual"
        self.data_dir = folder / "data"
        self.manual_dir.mkdir()
        self.root = self.DUMMY.write(self.manual_dir)
        self.lines: list[str] = []

    def _make_builder(self, config=None):
        # TFDS' checks read by tf.data, which cannot read array_record.
        return self.dataset_class(
            data_dir=self.tmp_dir, config=config, file_format="tfrecord"
        )

    def build(self, config=None):
        """Builds from `manual_dir` into `data_dir`, and returns the builder."""
        builder = self.dataset_class(
            data_dir=self.data_dir, config=config or self.made_up
        )
        builder.log = self.lines.append
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=self.manual_dir)
        )
        return builder

    def records(self, builder) -> dict[tuple[str, str], tuple[bytes | int | str, ...]]:
        """(split, file_name) -> (encoded image, the facts of `FIELDS`)."""
        sources = builder.as_data_source(decoders={"image": tfds.decode.SkipDecoding()})
        return {
            (split, record["file_name"].decode()): (
                record["image"],
                *(_plain(record[field]) for field in self.FIELDS),
            )
            for split, source in sources.items()
            for record in source
        }

    def fail_to_build(self, *parts: str, config=None) -> str:
        """Checks that a build fails with one clear error and leaves nothing."""
        with self.assertRaises(DataError) as caught:
            self.build(config)
        message = str(caught.exception)
        for part in (str(self.manual_dir), "found:", "expected:", "to do:", *parts):
            self.assertIn(part, message)
        self.assertEqual(list(self.data_dir.rglob("*")), [])
        return message

    def test_records_hold_the_raw_facts(self):
        builder = self.build()
        records = self.records(builder)
        counts = collections.Counter(split for split, _ in records)
        self.assertEqual(counts, self.SPLITS)
        stored = {s: info.num_examples for s, info in builder.info.splits.items()}
        self.assertEqual(stored, self.SPLITS)
        self.assertLen(
            {(image, name) for (_, name), (image, *_) in records.items()},
            len(records),
            "an example is in two splits",
        )
        for image, *_ in records.values():
            pixels = builder.info.features["image"].decode_example(image)
            self.assertEqual((pixels.dtype, pixels.shape[2:]), (np.uint8, (3,)))
        for key, facts in self.EXPECTED.items():
            self.assertEqual(records[key][1:], facts, key)

    def test_registered(self):
        """Replaces TFDS' check, which looks among its own data sets."""
        name = self.dataset_class.name
        self.assertIs(registry.builder_class(name), self.dataset_class)
        self.assertEqual(registry.facts(name).name, name)

    def _put_archive(self, packed: pathlib.Path) -> None:
        """Puts a zip file into place under the archive's name."""
        packed.rename(self.manual_dir / self.ARCHIVE)

    def test_missing_archive_is_an_error(self):
        shutil.rmtree(self.root)
        (self.manual_dir / "other.zip").touch()
        facts = self.dataset_class.FACTS
        self.fail_to_build(
            "other.zip",
            self.ARCHIVE,
            facts.homepage,
            f"tfds build --manual_dir={self.manual_dir}",
        )

    def test_misnamed_image_is_an_error(self):
        image = self.root / self.IMAGE
        image.rename(image.with_name(f"copy of {image.name}"))
        self.fail_to_build(str(self.root), f"copy of {image.name}")

    def test_missing_image_is_an_error(self):
        (self.root / self.IMAGE).unlink()
        split, count = self._split_of_image()
        message = self.fail_to_build(
            f"{count - 1} images in {split}", f"{count} images in {split}", "partial"
        )
        self.assertIn(str(self.root), message)

    def _split_of_image(self) -> tuple[str, int]:
        name = pathlib.PurePosixPath(self.IMAGE).name
        for split, file_name in self.EXPECTED:
            if file_name.endswith(name):
                return split, self.SPLITS[split]
        raise AssertionError(f"EXPECTED lacks {name}")

    def test_missing_folder_is_an_error(self):
        shutil.rmtree(self.root / self.PART)
        self.fail_to_build(self.PART.rpartition("/")[2])

    def test_made_up_data_is_not_taken_for_the_data_set(self):
        facts = self.dataset_class.FACTS
        split, images = next(iter(facts.split_images.items()))
        self.fail_to_build(
            f"{self.SPLITS[split]} images in {split}",
            f"{images:,} images in {split}",
            f"{facts.identities:,} {facts.counted} in all",
            config="complete",
        )

    def test_partial_accepts_and_says_what_is_missing(self):
        shutil.rmtree(self.root / self.PART)
        builder = self.build("partial")
        missing = "\n".join(self.lines)
        self.assertIn(self.PART.rpartition("/")[2], missing)
        stored = builder.info.metadata["missing"]
        self.assertTrue(stored)
        for line in stored:
            self.assertIn(line, missing)
        left = sum(builder.info.splits[s].num_examples for s in builder.info.splits)
        self.assertGreater(left, 0)
        self.assertLess(left, sum(self.SPLITS.values()))


class ReaderChecks:
    """What depends on how an archive is read: for one data set of each form.

    Forms are folders of images in a zip and in a tar, `.mat` files, frames. It comes
    before `ArchiveBuilderTestCase` among the bases.
    """

    def test_two_builds_are_alike_byte_by_byte(self):
        def files():
            folder = pathlib.Path(self.build().data_dir)
            records = folder.glob("*.array_record*")
            return {path.name: path.read_bytes() for path in records}

        first = files()
        shutil.rmtree(self.data_dir)
        self.assertEqual(files(), first)

    def test_archive_file_and_folder_give_the_same_records(self):
        from_folder = self.records(self.build())
        shutil.rmtree(self.data_dir)
        zip_folder(self.root, self.manual_dir / "packed")
        shutil.rmtree(self.root)
        self._put_archive(self.manual_dir / "packed")
        self.assertEqual(self.records(self.build()), from_folder)

    def test_system_files_are_passed_over(self):
        image = self.root / self.IMAGE
        for name in ("Thumbs.db", ".DS_Store", "desktop.ini", f"._{image.name}"):
            (image.parent / name).write_bytes(b"not an image")
        self.assertLen(self.records(self.build()), sum(self.SPLITS.values()))

    def test_truncated_archive_is_an_error(self):
        zip_folder(self.root, self.manual_dir / "packed")
        shutil.rmtree(self.root)
        self._put_archive(self.manual_dir / "packed")
        archive = self.manual_dir / self.ARCHIVE
        whole = archive.read_bytes()
        for part in (len(whole) // 2, 0):
            archive.write_bytes(whole[:part])
            self.fail_to_build(str(archive), "truncated")

    def test_unreadable_image_is_an_error(self):
        image = self.root / self.IMAGE
        whole = image.read_bytes()
        for content in (whole[: len(whole) * 2 // 3], b"", b"<html>not found</html>"):
            image.write_bytes(content)
            self.fail_to_build(str(self.root), image.name)


class BuildChecks:
    """What depends on `ArchiveBuilder` alone: for one data set of all.

    It comes before `ArchiveBuilderTestCase` among the bases.
    """

    def test_download_and_prepare_as_dataset(self):
        """TFDS' check of counts, shapes, overlaps and reloading, in eager mode."""
        self._download_and_prepare_as_dataset(self._make_builder(self.made_up))

    def test_records_are_random_access_by_default(self):
        builder = self.build()
        self.assertEqual(builder.info.file_format.value, "array_record")
        again = self.dataset_class(data_dir=self.data_dir, config=self.made_up)
        self.assertEqual(again.info.file_format.value, "array_record")

    def test_another_format_is_made_where_it_is_asked_for(self):
        for given in ("tfrecord", "array_record"):
            builder = self.dataset_class(
                data_dir=self.data_dir / given, config=self.made_up, file_format=given
            )
            self.assertEqual(builder.info.file_format.value, given)

    def test_a_build_tells_that_it_begins_and_that_it_is_done(self):
        self.build()
        name = f"{self.dataset_class.name}/made_up/1.0.0"
        self.assertEqual(self.lines[0], f"{name}: building in {self.data_dir}")
        self.assertEqual(self.lines[-1], f"{name}: built")

    def test_two_candidates_are_an_error(self):
        zip_folder(self.root, self.manual_dir / self.ARCHIVE)
        self.fail_to_build(str(self.manual_dir / self.ARCHIVE), str(self.root))

    def test_missing_manual_dir_is_an_error(self):
        shutil.rmtree(self.manual_dir)
        self.fail_to_build("no such folder", self.ARCHIVE)

    def test_too_many_images_are_no_incomplete_archive(self):
        few = {split: count - 1 for split, count in self.SPLITS.items()}
        config = ArchiveConfig(name="few", split_images=few, allow_incomplete=True)
        self.fail_to_build("another version", config=config)

    def test_leftovers_of_a_killed_build_are_removed(self):
        version = self.data_dir / self.dataset_class.name / "made_up"
        leftover = version / "incomplete.ABC123_1.0.0"
        leftover.mkdir(parents=True)
        (leftover / "records.tmp").write_bytes(b"half")
        self.build()
        self.assertEqual([path.name for path in version.iterdir()], ["1.0.0"])
