"""Tests of the miniImageNet builder: layouts, records, and what is missing."""

import shutil
import tarfile

import PIL.Image
from absl.testing import parameterized

from data_builders import dummy_images, registry, testing
from data_builders.archive_builder import ArchiveConfig
from data_builders.mini_imagenet import dummy_data, mini_imagenet_dataset_builder

_FLAT = "images/{file}"
_BY_CLASS = "{label}/{file}"
_BY_SPLIT = "{split}/{label}/{file}"
_IN = "mini_imagenet"  # the extracted archive's folder


class MiniImagenetTest(testing.ReaderChecks, testing.ArchiveBuilderTestCase):
    DATASET_CLASS = mini_imagenet_dataset_builder.Builder
    DUMMY = dummy_data
    ARCHIVE = "mini_imagenet.zip"
    FIELDS = ("label", "class_name")
    EXPECTED = {
        ("train", "n01532829/n0153282900000005.jpg"): (0, "n01532829"),
        ("train", "n13133613/n1313361300001299.jpg"): (63, "n13133613"),
        ("val", "n01855672/n0185567200000004.jpg"): (0, "n01855672"),
        ("test", "n07613480/n0761348000000011.jpg"): (19, "n07613480"),
    }
    IMAGE = "train/n13133613/n1313361300001299.jpg"
    PART = "val"

    def empty(self):
        """Takes the made-up archive away."""
        shutil.rmtree(self.root)

    def pack(self, name, folder=None):
        """Packs a folder of `manual_dir` as a zip file there, and removes it."""
        folder = folder or self.root
        testing.zip_folder(folder, self.manual_dir / "packed")
        shutil.rmtree(folder)
        (self.manual_dir / "packed").rename(self.manual_dir / name)

    @parameterized.parameters(
        (_IN, _FLAT, _IN),  # the original one
        (_IN, _FLAT, f"{_IN}/images"),
        (_IN, "images/{label}/{file}", _IN),
        (_IN, "images/{split}/{label}/{file}", f"{_IN}/split"),
        (_IN, _BY_CLASS, _IN),
        (_IN, _BY_CLASS, None),
        (_IN, _BY_SPLIT, _IN),
        (_IN, _BY_SPLIT, None),
        (_IN, "{split}/{file}", _IN),
        (_IN, _FLAT, "mini_imagenet_ravi_splits"),
        (_IN, _FLAT, "splits"),
        (_IN, _FLAT, "."),
        ("miniImageNet--ravi", _FLAT, "miniImageNet--ravi"),
        ("Mini-ImageNet/data", _BY_SPLIT, None),
        (".", _FLAT, "."),  # the manual directory itself
        (".", _FLAT, "mini_imagenet_ravi_splits"),
        (".", _BY_SPLIT, None),
        (".", _BY_CLASS, None),
    )
    def test_a_layout_gives_the_same_records(self, folder, layout, lists):
        whole = self.records(self.build())
        shutil.rmtree(self.data_dir)
        self.empty()
        dummy_data.write_images(self.manual_dir / folder, layout)
        if lists:
            dummy_data.write_lists(self.manual_dir / lists)
        self.assertEqual(self.records(self.build()), whole)

    def test_archives_of_images_and_of_csv_files_give_the_same_records(self):
        whole = self.records(self.build())
        for images, name in ((_IN, "mini-imagenet_84.zip"), ("images", "images.zip")):
            shutil.rmtree(self.data_dir)
            shutil.rmtree(self.manual_dir)
            dummy_data.write_images(self.manual_dir / images, "{file}")
            dummy_data.write_lists(self.manual_dir / "lists")
            self.pack(name, self.manual_dir / images)
            self.pack("mini_imagenet_ravi_splits.zip", self.manual_dir / "lists")
            self.assertEqual(self.records(self.build()), whole)

    def test_a_tar_file_gives_the_same_records(self):
        whole = self.records(self.build())
        shutil.rmtree(self.data_dir)
        with tarfile.open(self.manual_dir / "mini_imagenet.tar.gz", "w:gz") as file:
            file.add(self.root, self.root.name)
        self.empty()
        self.assertEqual(self.records(self.build()), whole)

    def test_csv_files_as_other_programs_write_them(self):
        whole = self.records(self.build())
        shutil.rmtree(self.data_dir)
        for split in dummy_data.SPLITS:
            path = self.root / f"{split}.csv"
            rows = path.read_text().split("\n")
            rows[1:] = [f"some/{row}" for row in rows[1:] if row] + [" "]
            text = "\r\n".join(rows).replace(",", " , ")
            path.write_text(text, encoding="utf-8-sig", newline="")
        self.assertEqual(self.records(self.build()), whole)

    def test_download_and_prepare_as_dataset(self):
        """TFDS' check of counts, shapes, overlaps and reloading."""
        self._download_and_prepare_as_dataset(self._make_builder(self.made_up))

    def test_records_are_read_again_by_index(self):
        self.build()
        again = self.dataset_class(data_dir=self.data_dir, config=self.made_up)
        record = again.as_data_source(split="test")[1]
        self.assertEqual(record["image"].shape, (84, 84, 3))
        names = again.info.metadata["classes"]["test"]
        self.assertEqual(names[record["label"]], record["class_name"].decode())

    def test_images_are_the_archives_own_bytes(self):
        ((image, *_),) = (
            found
            for (_, name), found in self.records(self.build()).items()
            if name == self.IMAGE.removeprefix("train/")
        )
        self.assertEqual(image, (self.root / self.IMAGE).read_bytes())

    def test_classes_of_fewer_images_are_named(self):
        message = self.fail_to_build("0 classes of 600 images (", config="complete")
        self.assertIn("n01532829: 2, n13133613: 2, ", message)
        self.assertIn("4 classes of 600 images", message)

    def test_the_subset_is_named_where_the_whole_is_asked_for(self):
        self.root.rename(self.manual_dir / "mini_imagenet_60")
        self.fail_to_build("mini_imagenet/partial", "38,400 images", config="complete")

    def test_the_whole_and_the_subset_are_told_apart(self):
        subset = self.manual_dir / "mini_imagenet_60"
        dummy_data.write_images(subset, _FLAT)
        dummy_data.write_lists(subset, dummy_data.IMAGES[:6])
        self.assertEqual(self.build().info.splits["test"].num_examples, 2)
        partial = self.build("partial")
        self.assertNotIn("test", partial.info.splits)
        line = "6 of 8 images with a row in a CSV file (none for "
        self.assertIn(line, "\n".join(self.lines))

    def test_partial_says_what_it_found(self):
        self.build("partial")
        told = "\n".join(self.lines)
        for line in (
            "4 of 38,400 images in train",
            "2 of 64 classes in train",
            "0 of 4 classes of 600 images (n01532829: 2, ",
        ):
            self.assertIn(f"mini_imagenet/partial: {line}", told)

    def test_a_row_without_a_file_is_named(self):
        (self.root / self.IMAGE).unlink()
        few = {**dummy_data.SPLITS, "train": 3}
        config = ArchiveConfig(name="few", split_images=few)
        self.fail_to_build(
            "3 rows of train.csv with an image (none for n13133613/n1313361300001299)",
            "4 rows of train.csv with an image",
            config=config,
        )

    def test_a_file_without_a_row_is_named(self):
        dummy_images.write(self.root / "train/n01532829", ["new.jpg"])
        self.fail_to_build("8 images with a row in a CSV file (none for ", "new.jpg")

    def test_a_missing_csv_file_is_named(self):
        (self.root / "val.csv").unlink()
        self.fail_to_build("no file val.csv", "partial")
        self.assertNotIn("val", self.build("partial").info.splits)

    def test_a_jpeg_file_in_cmyk_becomes_png(self):
        image = self.root / self.IMAGE
        PIL.Image.new("CMYK", (84, 84)).save(image)
        records = self.records(self.build())
        encoded = records["train", self.IMAGE.removeprefix("train/")][0]
        self.assertStartsWith(encoded, b"\x89PNG")

    def test_a_png_file_is_named(self):
        image = self.root / self.IMAGE
        image.write_bytes(dummy_images.encoded("a.png"))
        self.fail_to_build(image.name, "which is no JPEG file", "PNG")
        image.write_bytes(dummy_images.encoded("a.jpg"))
        dummy_images.write(image.parent, ["other.png"])
        self.fail_to_build("holds what is no JPEG file", "other.png")

    def test_other_archives_are_not_taken_for_it(self):
        self.empty()
        for name in (
            "mini_imagenet_ravi_splits.zip",
            "mini-imagenet-csv",
            "mini_imagenet.pkl",
            "tiered_imagenet.zip",
            "images.txt",
        ):
            (self.manual_dir / name).touch()
        self.fail_to_build("is missing", "mini-imagenet-csv")

    def test_it_is_no_data_set_of_persons(self):
        self.assertIn("mini_imagenet", registry.DATASETS)
        self.assertNotIn("mini_imagenet", registry.benchmark())
        self.assertNotIn("mini_imagenet", registry.person_data_sets())
